package replicate

import (
	"log/slog"
	"time"

	"duet/recovery"
	"duet/replicate/chunk"
	"duet/replicate/expiry"
	"duet/replicate/pace"
	"duet/store/index"
)

// Config is one share on one node.
type Config struct {
	Name    string
	Path    string // absolute
	Holding string // "": chosen, see vfs.Options
	Owner   string // user[:group] that what lands here belongs to; "": as on the peer, if permitted

	Conflict    string   // newer, older, larger, smaller, hold, or a node's name; "": newer
	Deletes     string   // track, running or never; "": track
	MaxDelete   string   // a count or a percentage; "": 50%
	Ignore      []string // gitignore syntax
	SpecialBits bool     // sync setuid, setgid and sticky

	MaxDeleteUnder  []recovery.Under // the same for what is below a directory
	MaxDeleteWindow time.Duration    // deletes within this time count together; 0: 1 min

	Settle    time.Duration // quiet time before a touched file is read; 0: 5 ms
	MaxSettle time.Duration // longest wait for a file that stays open for writing; 0: 10 s
	Rescan    time.Duration // back-stop scan; 0: 1 h, negative: never
	Hashers   int           // 0: one per core
	ScanNice  int           // how much hashing for a full look at the tree gives way, as in nice(1); 0: not at all

	Transfers int           // streams on which contents are fetched; 0: 4
	Delta     int64         // contents of so many bytes are made from what is here and like them; 0: 512 KiB
	Limit     *pace.Limiter // of the contents that are sent; nil: none
	Soon      int           // so many changes are told before what a person saves; 0: 256 of what a scan found, negative: none

	OnReconnect string        // auto or hold; "": auto
	HoldWhy     string        // why OnReconnect is hold, if the configuration does not say so
	HoldAfter   time.Duration // hold after a longer time apart; 0: never

	Keep         expiry.Limits // of displaced versions; zero: for ever
	Journal      expiry.Journal
	Housekeeping time.Duration // how often they are looked at; 0: 1 min

	VerifyEvery time.Duration // how often all files are read and verified; 0: never
	VerifyRate  int64         // bytes a second of that, and of what the peer asks for; 0: 32 MiB, negative: as fast as it goes

	NodeName, PeerName string
	Node, Peer         index.NodeID
	File               string // the index file
	Version            string // of the program, for the peer's log
	Log                *slog.Logger
	Verbose            bool // a log line per file
	Doors              Doors
}

func (c Config) withDefaults() Config {
	def := func(p *time.Duration, d time.Duration) {
		if *p == 0 {
			*p = d
		}
	}
	def(&c.Settle, 5*time.Millisecond)
	def(&c.MaxSettle, 10*time.Second)
	def(&c.Rescan, time.Hour)
	def(&c.Housekeeping, time.Minute)
	def(&c.MaxDeleteWindow, time.Minute)
	if c.Delta == 0 {
		c.Delta = chunk.Least
	}
	if c.VerifyRate == 0 {
		c.VerifyRate = 32 << 20
	}
	for p, d := range map[*string]string{&c.Conflict: "newer", &c.Deletes: "track", &c.MaxDelete: "50%", &c.OnReconnect: "auto"} {
		if *p == "" {
			*p = d
		}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}
