package replicate

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"duet/diff"
	"duet/recovery"
	"duet/replicate/book"
	"duet/replicate/chunk"
	"duet/replicate/report"
	"duet/replicate/wire"
	"duet/scan"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// Share is one share of one node. Open, then Run, then Close; the other
// methods may be called from any goroutine in between.
type Share struct {
	cfg    Config
	log    *slog.Logger
	doors  Doors
	st     *store.Store // nil: the index could not be opened
	book   *book.Book   // what is done with it
	broken error        // why
	policy diff.Policy
	bounds recovery.Bounds
	rules  *scan.Rules
	facts  scan.Facts
	owner  ownership
	chunks chunk.Memory // of large files, for the peer
	boot   uint64       // random: names in the stage of one process never meet another's
	ended  index.Ending // how the run before ended, as the peer is told

	mail    chan func()
	stopped chan struct{}
	loop    *loop
	status  atomic.Pointer[report.Status]
}

// Doors are where a share meets the world. The zero Doors are the real ones; a
// simulator sets its own.
type Doors struct {
	Files  func() (vfs.Files, error)
	Watch  func(*scan.Rules) (scan.Watcher, error)
	Commit func(stage string) error // see store.Options
	Random func() uint64            // of the names and ids that must be unlike any others
	Turn   func(who string, n int)  // a goroutine has just been woken by another; n tells those that do work from each other
	Clock  func() time.Time         // this host's clock, for times that are written down, told, or compared with those of files
}

func (d Doors) orReal(cfg Config) Doors {
	if d.Files == nil {
		d.Files = func() (vfs.Files, error) {
			t, err := vfs.Open(cfg.Path, vfs.Options{Holding: cfg.Holding, Name: cfg.Name})
			if err != nil {
				return nil, err
			}
			locked, err := lockTree(t)
			if err != nil {
				return nil, err
			}
			return locked, nil
		}
	}
	if d.Watch == nil {
		d.Watch = func(rules *scan.Rules) (scan.Watcher, error) { return scan.Watch(cfg.Path, rules) }
	}
	if d.Random == nil {
		d.Random = rand.Uint64
	}
	if d.Turn == nil {
		d.Turn = func(string, int) {}
	}
	if d.Clock == nil {
		d.Clock = time.Now
	}
	return d
}

// Open opens the share's index. An index that is damaged is no error here: the
// share says so in its Status and does nothing, and the other shares go on. A
// wrong configuration is an error, and so is an index that another process
// has in use.
func Open(cfg Config) (*Share, error) {
	cfg = cfg.withDefaults()
	s := &Share{
		cfg: cfg, log: cfg.Log.With("share", cfg.Name), doors: cfg.Doors.orReal(cfg),
		mail: make(chan func(), mailbox), stopped: make(chan struct{}), chunks: chunk.Memory{Least: cfg.Delta},
	}
	if err := s.configure(); err != nil {
		return nil, fmt.Errorf("share %q: %w", cfg.Name, err)
	}
	st, err := store.Open(cfg.File, store.Options{Share: cfg.Name, Node: cfg.Node, Commit: s.doors.Commit, Random: s.doors.Random, Now: s.doors.Clock})
	switch {
	case errors.Is(err, store.ErrCorrupt), errors.Is(err, store.ErrFormat):
		s.broken = err
	case err != nil:
		return nil, fmt.Errorf("share %q: %w", cfg.Name, err)
	}
	s.st = st
	s.book = &book.Book{Store: st, Policy: s.policy, Rules: s.rules, Ignore: cfg.Ignore, Now: s.now}
	s.loop = newLoop(s)
	s.loop.publishNow(time.Now())
	return s, nil
}

// configure reads what the configuration says in words.
func (s *Share) configure() error {
	s.boot = s.doors.Random()
	cfg := s.cfg
	nodes := map[string]index.NodeID{cfg.NodeName: cfg.Node, cfg.PeerName: cfg.Peer}
	rule, winner, err := diff.ParseConflict(cfg.Conflict, nodes)
	if err != nil {
		return err
	}
	deletes, err := diff.ParseDeletes(cfg.Deletes)
	if err != nil {
		return err
	}
	s.policy = diff.Policy{Conflict: rule, Winner: winner, Self: cfg.Node, Peer: cfg.Peer, Deletes: deletes}
	if s.bounds, _, err = recovery.ParseBounds(cfg.MaxDelete, cfg.MaxDeleteUnder); err != nil {
		return err
	}
	if s.rules, err = scan.ParseRules(cfg.Ignore); err != nil {
		return err
	}
	if err = wire.CheckIgnore(cfg.Ignore); err != nil { // else nobody could be told
		return err
	}
	owners := vfs.NewOwners()
	if s.owner, err = parseOwner(owners, cfg.Owner); err != nil {
		return err
	}
	s.facts = scan.Facts{
		Owners: owners, SyncOwners: cfg.Owner == "" && mayChown(), SpecialBits: cfg.SpecialBits,
		Node: cfg.Node, Rules: s.rules,
	}
	return nil
}

// Close lets the index go. Call it after Run has returned, or instead of Run.
func (s *Share) Close() error {
	if s.st == nil {
		return nil
	}
	return s.st.Close()
}

// now is the time by this host's clock. Clocks step and differ: what has to
// wait goes by time.Now, whose differences are never wrong.
func (s *Share) now() time.Time { return s.doors.Clock() }

// Status returns what the share last said of itself.
func (s *Share) Status() report.Status { return *s.status.Load() }

// View runs a query on the index.
func (s *Share) View(f func(*store.Tx) error) error {
	if s.st == nil {
		return s.broken
	}
	return s.st.View(f)
}

// CopyTo writes a clean copy of the index and returns its size in bytes.
func (s *Share) CopyTo(w io.Writer) (int64, error) {
	if s.st == nil {
		return 0, s.broken
	}
	return s.st.CopyTo(w)
}

func unknownOwner(what, name string) error {
	return fmt.Errorf("owner: this host has no %s %q: create it, or correct `owner`", what, name)
}

// Policy returns the rules by which the share decides.
func (s *Share) Policy() diff.Policy { return s.policy }
