package replicate

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"duet/diff"
	"duet/replicate/wire"
	"duet/scan"
	"duet/store"
	"duet/store/index"
)

// Each node has its own ignore rules and tells the other of them. What either
// ignores, both leave alone: its records are Left, which nobody acts on and
// nobody waits for. They are announced all the same, so that both sides know
// where they are when a rule goes away.

// resettleChunk is how many records one transaction of resettle looks at.
const resettleChunk = 2000

// ignores reports whether r is to be left alone, because its path is ignored
// here or on the peer, or is Duet's own, such as a holding area in the root.
func (s *Share) ignores(r *index.Record) bool {
	dir := kindOf(r.Ours) == index.Dir || kindOf(r.Theirs) == index.Dir
	return s.rules.Ignored(r.Path, dir) || s.peerRules.Load().Ignored(r.Path, dir)
}

// next says who has to move on r, as settle would.
func (s *Share) next(r *index.Record) index.Next {
	n := diff.Next(s.decide(r))
	if n != index.Nothing && s.ignores(r) {
		return index.Left
	}
	return n
}

// parsePeerRules reads the rules in the peer's hello.
func parsePeerRules(theirs *wire.Hello) (*scan.Rules, error) {
	rules, err := scan.ParseRules(theirs.Ignore)
	if err != nil {
		return nil, fmt.Errorf("read the ignore rules of %s, which must mean the same on both nodes: %w", theirs.NodeName, err)
	}
	return rules, nil
}

// hashRules is what Meta.Rules is for our rules and the peer's.
func (s *Share) hashRules(theirs []string) index.Hash {
	b := []byte{1} // raise it when the names change that are always ignored
	for _, lines := range [][]string{s.cfg.Ignore, theirs} {
		b = binary.AppendUvarint(b, uint64(len(lines)))
		for _, line := range lines {
			b = binary.AppendUvarint(b, uint64(len(line)))
			b = append(b, line...)
		}
	}
	return scan.SumBytes(b)
}

// recallRules takes up the peer's rules as last heard: what is noticed before
// the peer is back is settled by them.
func (s *Share) recallRules() error {
	var lines []string
	err := s.st.View(func(tx *store.Tx) (err error) {
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
	_, err = s.hearRules(lines, rules)
	return err
}

// hearRules makes rules, read from lines, the peer's. It reports whether the
// index is settled by other ones, so that resettle has to follow.
func (s *Share) hearRules(lines []string, rules *scan.Rules) (stale bool, err error) {
	var m store.Meta
	var known []string
	err = s.st.View(func(tx *store.Tx) error {
		if m, err = tx.Meta(); err != nil {
			return err
		}
		known, err = tx.PeerIgnores()
		return err
	})
	if err != nil {
		return false, err
	}
	stale = m.Rules != s.hashRules(lines)
	if !stale && slices.Equal(known, lines) {
		s.peerRules.Store(rules)
		return false, nil
	}
	err = s.st.Update(func(tx *store.Tx) error {
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
	s.peerRules.Store(rules)
	return true, err
}

// resettle settles the records behind one path anew, as far as a transaction
// should go, because the rules have changed. It returns how far it came. Once
// done, a reconnect costs nothing of the kind until rules change again.
func (s *Share) resettle(after index.Path, now int64) (upto index.Path, done bool, err error) {
	err = s.st.Update(func(tx *store.Tx) error {
		upto, done = after, false
		w, err := s.begin(tx, index.ByPeer, now)
		if err != nil {
			return err
		}
		w.hold = true // rounds do what there is to do, and only if they may
		n := 0
		for r, err := range tx.Range(after, after != index.Root) {
			if err != nil {
				return err
			}
			upto = r.Path
			if left := r.Next == index.Left; !r.Agreed() && left != s.ignores(r) {
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
		w.meta.Rules = s.hashRules(lines)
		return tx.PutMeta(w.meta)
	})
	return upto, done, err
}

// resettleAll is resettle for rules that were changed here while the share did
// not run. Nothing else may write the index meanwhile. If ctx ends, the next
// start begins anew.
func (s *Share) resettleAll(ctx context.Context) error {
	var lines []string
	var m store.Meta
	err := s.st.View(func(tx *store.Tx) (err error) {
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
	for done := m.Rules == s.hashRules(lines); !done && ctx.Err() == nil; {
		if at, done, err = s.resettle(at, s.now().UnixNano()); err != nil {
			return err
		}
	}
	return nil
}

// resettle settles the index by the rules that the peer's hello brought, a
// chunk at a time in the writer lane, and then begins the session.
func (l *loop) resettle(sess *session, ours *wire.Hello, m meeting, after index.Path) {
	if m.err != nil || !m.stale {
		l.begin(sess, ours, m)
		return
	}
	if l.talk.sess != sess || l.root.ctx == nil {
		return // the next session begins anew
	}
	if after == index.Root {
		l.log.Info("ignore rules have changed: looking which paths they concern", "peer", l.s.cfg.PeerName)
	}
	now := l.s.now().UnixNano()
	l.ask(func() func() {
		upto, done, err := l.s.resettle(after, now)
		return func() {
			m.stale, m.err = !done, err
			l.resettle(sess, ours, m, upto)
		}
	})
}
