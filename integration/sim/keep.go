package sim

import (
	"time"

	"duet/integration/sim/memfs"
	"duet/replicate/expiry"
	"duet/store"
	"duet/store/index"
)

// Kept versions come to an end in some runs: after a time, or when a path has
// too many of them. Whatever the daemon then removes is accounted for, and
// nothing else may ever be removed.

// limits are what the swarm says of kept versions and the journal.
func (s *Swarm) limits() (expiry.Limits, expiry.Journal, time.Duration) {
	return expiry.Limits{Age: s.Keep, Versions: s.Copies}, expiry.Journal{Age: s.Journal}, s.House
}

// pruned takes note of a kept version that the daemon has removed for good.
func (n *node) pruned(x memfs.Thing, since int64) {
	w := n.w
	s := &w.Swarm
	age := time.Duration(n.now().UnixNano() - since)
	w.counts.prune.Add(1)
	w.Trace.say(n.name, "%v, kept for %v, is gone for good", x, age)
	switch {
	case s.Keep == 0 && s.Copies == 0:
		w.fault("%s: a kept version was removed: %v", n.name, x)
	case s.Copies == 0 && w.counts.steps.Load() == 0 && age < s.Keep-5*time.Second:
		w.fault("%s: a kept version was removed after %v: %v", n.name, age, x)
	}
	w.ledger.prune(worth(x))
}

// saidSince returns the events in a node's journal behind a position, but for
// those that say that a kept version went; and whether there are such. (Of what
// somebody wrote on to among the kept, only the record goes.)
func (n *node) saidSince(head uint64) (out []index.Event, pruned bool) {
	l := n.alive()
	for ; l == nil; l = n.alive() {
		time.Sleep(time.Second)
	}
	err := l.share.View(func(tx *store.Tx) error {
		for e, err := range tx.Events(index.Seq(head + 1)) {
			if err != nil {
				return err
			}
			if e.What == index.Pruned {
				pruned = true
			} else {
				out = append(out, e)
			}
		}
		return nil
	})
	if err != nil {
		n.w.fault("%s: journal: %v", n.name, err)
	}
	return out, pruned
}
