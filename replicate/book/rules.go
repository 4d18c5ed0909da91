package book

import (
	"context"
	"encoding/binary"
	"slices"

	"duet/scan"
	"duet/store"
	"duet/store/index"
)

// Each node has its own ignore rules and tells the other of them. What either
// ignores, both leave alone: its records are Left, which nobody acts on and
// nobody waits for. They are announced all the same, so that both sides know
// where they are when a rule goes away.

// resettleChunk is how many records one transaction of Resettle looks at.
const resettleChunk = 2000

// hashRules is what Meta.Rules is for our rules and the peer's.
func (b *Book) hashRules(theirs []string) index.Hash {
	sum := []byte{1} // raise it when the names change that are always ignored
	for _, lines := range [][]string{b.Ignore, theirs} {
		sum = binary.AppendUvarint(sum, uint64(len(lines)))
		for _, line := range lines {
			sum = binary.AppendUvarint(sum, uint64(len(line)))
			sum = append(sum, line...)
		}
	}
	return scan.SumBytes(sum)
}

// RecallRules takes up the peer's rules as last heard: what is noticed before
// the peer is back is settled by them.
func (b *Book) RecallRules() error {
	var lines []string
	err := b.Store.View(func(tx *store.Tx) (err error) {
		lines, err = tx.PeerIgnores()
		return err
	})
	if err != nil {
		return err
	}
	rules, err := scan.ParseRules(lines)
	if err != nil {
		// They were fine for another version of this program. The peer's next
		// hello ends with the reason.
		lines, rules = nil, nil
	}
	_, err = b.HearRules(lines, rules, nil)
	return err
}

// HearRules makes rules, read from lines, the peer's. It reports whether the
// index is settled by other ones, so that Resettle has to follow; if that must
// not be now, it changes nothing and returns mayResettle, which says why.
func (b *Book) HearRules(lines []string, rules *scan.Rules, mayResettle error) (stale bool, err error) {
	var m store.Meta
	var known []string
	err = b.Store.View(func(tx *store.Tx) error {
		if m, err = tx.Meta(); err != nil {
			return err
		}
		known, err = tx.PeerIgnores()
		return err
	})
	if err != nil {
		return false, err
	}
	stale = m.Rules != b.hashRules(lines)
	if !stale && slices.Equal(known, lines) {
		b.peerRules.Store(rules)
		return false, nil
	}
	if mayResettle != nil {
		return true, mayResettle
	}
	err = b.Store.Update(func(tx *store.Tx) error {
		if m, err = tx.Meta(); err != nil {
			return err
		}
		// From here on records are settled by the new rules, and some still by
		// the old: should those come back, all have to be looked at again.
		m.Rules = index.Hash{}
		if err := tx.PutMeta(m); err != nil {
			return err
		}
		return tx.PutPeerIgnores(lines)
	})
	b.peerRules.Store(rules)
	return true, err
}

// Resettle settles the records behind one path anew, as far as a transaction
// should go, because the rules have changed. It returns how far it came. Once
// done, a reconnect costs nothing of the kind until rules change again.
func (b *Book) Resettle(after index.Path, now int64) (upto index.Path, done bool, err error) {
	err = b.Store.Update(func(tx *store.Tx) error {
		upto, done = after, false
		w, err := b.begin(tx, index.ByPeer, now)
		if err != nil {
			return err
		}
		w.hold = true // rounds do what there is to do, and only if they may
		if after == index.Root {
			// What comes to be deleted only now was not shown to who approved, or
			// rejected, what waited.
			w.meta.Approved, w.meta.Leaves = "", nil
			if err := tx.PutMeta(w.meta); err != nil {
				return err
			}
		}
		n := 0
		for r, err := range tx.Range(after, after != index.Root) {
			if err != nil {
				return err
			}
			upto = r.Path
			if left := r.Next == index.Left; !r.Agreed() && left != b.Ignores(r) {
				if err := w.settle(r); err != nil {
					return err
				}
			}
			if n++; n == resettleChunk {
				return nil
			}
		}
		done = true
		lines, err := tx.PeerIgnores()
		if err != nil {
			return err
		}
		w.meta.Rules = b.hashRules(lines)
		return tx.PutMeta(w.meta)
	})
	return upto, done, err
}

// ResettleAll is Resettle for rules that were changed here while the share did
// not run. Nothing else may write the index meanwhile. If ctx ends, the next
// start begins anew.
func (b *Book) ResettleAll(ctx context.Context) error {
	var lines []string
	var m store.Meta
	err := b.Store.View(func(tx *store.Tx) (err error) {
		if m, err = tx.Meta(); err != nil {
			return err
		}
		lines, err = tx.PeerIgnores()
		return err
	})
	if err != nil {
		return err
	}
	at := index.Root
	for done := m.Rules == b.hashRules(lines); !done && ctx.Err() == nil; {
		if at, done, err = b.Resettle(at, b.Now().UnixNano()); err != nil {
			return err
		}
	}
	return nil
}
