package sim

import (
	"duet/replicate"
	"duet/store"
)

// tell adds a node's journal and records to the story: what it believes.
func (n *node) tell(share *replicate.Share) {
	say := func(format string, args ...any) { n.w.Trace.say(n.name, format, args...) }
	err := share.View(func(tx *store.Tx) error {
		for e, err := range tx.Events(0) {
			if err != nil {
				return err
			}
			say("journal %d %v %v by %v, %v at %d from %q %s: %+v", e.Pos, e.Path, e.What, e.Node, e.How, e.Time, e.From, e.Note, e.Entry)
		}
		for r, err := range tx.Range("", true) {
			if err != nil {
				return err
			}
			say("record %v next %v pos %d heard %d\n    stamp %+v\n    ours   %+v\n    theirs %+v", r.Path, r.Next, r.Pos, r.Heard, r.Stamp, r.Ours, r.Theirs)
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
