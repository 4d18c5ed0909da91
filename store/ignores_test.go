package store

import (
	"errors"
	"slices"
	"testing"
	"time"

	"duet/store/index"
)

func TestPeerIgnores(t *testing.T) {
	t.Parallel()
	s := openTest(t, tempIndex(t))
	for _, want := range [][]string{nil, {"*.tmp", "", "!x\xff"}, {"other"}, nil} {
		update(t, s, func(tx *Tx) error { return tx.PutPeerIgnores(want) })
		if err := s.View(func(tx *Tx) error {
			got, err := tx.PeerIgnores()
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		checkStore(t, s)
	}
}

// What is left alone stays so when the peer is forgotten; what was agreed until
// then has to be settled by the rules again.
func TestResetsAndRules(t *testing.T) {
	t.Parallel()
	rules := index.Hash{1}
	for name, test := range map[string]struct {
		known index.Epoch // of the peer, before
		reset func(*Store) error
		want  index.Hash
	}{
		"first peer":   {0, func(s *Store) error { return s.ForgetPeer(testPeer, 7) }, rules},
		"another life": {6, func(s *Store) error { return s.ForgetPeer(testPeer, 7) }, index.Hash{}},
		"new epoch":    {6, func(s *Store) error { _, err := s.NewEpoch(time.Now(), 0); return err }, index.Hash{}},
	} {
		t.Run(name, func(t *testing.T) {
			s := openTest(t, tempIndex(t))
			update(t, s, func(tx *Tx) error {
				if err := errors.Join(edit(tx, "left", index.Created, *file(1, nil)), edit(tx, "wait", index.Created, *file(1, nil))); err != nil {
					return err
				}
				r, err := tx.Get("left")
				if err != nil {
					return err
				}
				r.Next = index.Left
				m, err := tx.Meta()
				if err != nil {
					return err
				}
				m.PeerEpoch, m.Rules = test.known, rules
				return errors.Join(tx.Put(r), tx.PutMeta(m))
			})
			if err := test.reset(s); err != nil {
				t.Fatal(err)
			}
			checkStore(t, s)
			if got := metaOf(t, s).Rules; got != test.want {
				t.Errorf("rules %v, want %v", got, test.want)
			}
			if err := s.View(func(tx *Tx) error {
				c, err := tx.Counts()
				if c.Left != 1 || c.Wait != 1 {
					t.Errorf("%d left, %d wait", c.Left, c.Wait)
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
		})
	}
}
