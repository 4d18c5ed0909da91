package sim

import (
	"fmt"

	"duet/replicate"
	"duet/store"
	"duet/store/index"
)

// tell adds a node's journal and records to the story: what it believes.
func (n *node) tell(share *replicate.Share) {
	say := func(format string, args ...any) { n.w.Trace.say(n.name, format, args...) }
	err := share.View(func(tx *store.Tx) error {
		for e, err := range tx.Events(0) {
			if err != nil {
				return err
			}
			say("journal %d %v %v by %v, %v at %d from %q %s: %s", e.Pos, e.Path, e.What, e.Node, e.How, e.Time, e.From, e.Note, brief(e.Entry))
		}
		for r, err := range tx.Range("", true) {
			if err != nil {
				return err
			}
			say("record %v next %v pos %d heard %d\n    stamp %+v\n    ours   %s\n    theirs %s", r.Path, r.Next, r.Pos, r.Heard, r.Stamp, brief(r.Ours), brief(r.Theirs))
		}
		for k, err := range tx.AllKept() {
			if err != nil {
				return err
			}
			say("kept %d %v as %s: %v", k.ID, k.Path, k.Held, k.Reason)
		}
		m, err := tx.Meta()
		say("meta %+v", m)
		return err
	})
	if err != nil {
		say("cannot tell what is in the index: %v", err)
	}
}

// brief is an entry without what is empty.
func brief(e *index.Entry) string {
	if e == nil {
		return "nothing"
	}
	s := e.Kind.String()
	switch e.Kind {
	case index.File:
		s += fmt.Sprintf(" %.12s %d bytes @%d %04o", e.Hash, e.Size, e.ModTime, e.Mode)
	case index.Dir:
		s += fmt.Sprintf(" %04o", e.Mode)
	case index.Symlink:
		s += fmt.Sprintf(" to %q @%d", e.Target, e.ModTime)
	}
	s += fmt.Sprintf(" %v of %v", e.Version, e.Origin)
	if len(e.Over) > 0 {
		s += fmt.Sprintf(" over %v", e.Over)
	}
	if e.Apart {
		s += " apart"
	}
	if e.Settled != nil {
		s += fmt.Sprintf(" settled %+v", *e.Settled)
	}
	return s
}
