// Package doctor looks at what Duet stands on: the config, the keys, the limits
// of the kernel, the disks, the daemon and the way to the peer. It changes
// nothing, and asks nothing of the peer but whether it is there.
package doctor

import (
	"context"
	"fmt"

	"duet/cmd/duet/config"
	"duet/cmd/duet/node"
)

// Level says how bad a finding is.
type Level string

// The levels, from none to worst.
const (
	Well  Level = "ok"
	Doubt Level = "warn" // it works, and may not for long, or not as one expects
	Bad   Level = "fail" // it does not work
)

// Finding is what one check saw.
type Finding struct {
	Check string `json:"check"`
	Share string `json:"share,omitempty"`
	Level Level  `json:"level"`
	Says  string `json:"says"`
	Do    string `json:"do,omitempty"` // what to do about it
}

// Findings are those of all checks, in the order in which one mends them.
type Findings []Finding

// Worst is the gravest level of all.
func (f Findings) Worst() Level {
	worst := Well
	for i := range f {
		switch f[i].Level {
		case Bad:
			return Bad
		case Doubt:
			worst = Doubt
		}
	}
	return worst
}

// exam is a visit: what the checks share, and what they found.
type exam struct {
	cfg    *config.Config
	status *node.Status // nil if no daemon runs
	found  Findings
}

// Examine makes all checks. only is the share that they are about, "" for all.
func Examine(ctx context.Context, cfg *config.Config, only string) Findings {
	x := &exam{cfg: cfg}
	x.say("config", Well, "", "%s can be read, and says what it must", cfg.File)
	x.state()
	x.keys()
	x.daemon(ctx)
	x.peer(ctx)
	x.files()
	for i := range cfg.Shares {
		if only == "" || cfg.Shares[i].Name == only {
			x.share(&cfg.Shares[i])
		}
	}
	x.watches()
	return x.found
}

func (x *exam) say(check string, l Level, do, format string, args ...any) {
	x.found = append(x.found, Finding{Check: check, Level: l, Says: fmt.Sprintf(format, args...), Do: do})
}

// sayOf is say about a share.
func (x *exam) sayOf(share, check string, l Level, do, format string, args ...any) {
	x.say(check, l, do, format, args...)
	x.found[len(x.found)-1].Share = share
}
