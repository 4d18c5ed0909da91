package store

import (
	"math/rand/v2"
	"testing"

	"duet/store/index"
)

// Who puts a record back or drops it is spared reading it once more only as long as
// the index has what was read: else what follows from the difference, the counts, the
// lists and the events, would not fit any more, which Check tells.
func TestLastRead(t *testing.T) {
	t.Parallel()
	paths := []index.Path{"a", "b"}
	get := func(tx *Tx, p index.Path) *index.Record {
		r, err := tx.Get(p)
		if err != nil {
			t.Fatal(err)
		}
		if r == nil {
			r = &index.Record{Path: p}
		}
		return r
	}
	// edit puts another content, of another size, to be taken from the peer or not.
	edit := func(tx *Tx, r *index.Record, next index.Next) error {
		m, err := tx.Meta()
		if err != nil {
			return err
		}
		e, st := benchFile(rand.New(rand.NewPCG(1, uint64(tx.Head()))), m.Epoch, tx.Head()+1)
		e.Size += int64(tx.Head())
		st.Size = e.Size
		was := *r
		was.Ours, was.Stamp, was.Next = e, st, next
		if next == index.Take {
			peers := *e
			peers.Version = index.Version{{Epoch: m.Epoch + 1, Seq: 7}}
			was.Theirs, was.Heard = &peers, 7
		} else {
			was.Theirs, was.Heard = nil, 0
		}
		if was.Pos, err = tx.Note(index.Event{Path: r.Path, What: index.Created, How: index.ByScan, Node: testNode, Time: 1, Entry: e}); err != nil {
			return err
		}
		*r = was
		return tx.Put(r)
	}
	for _, test := range []struct {
		name string
		do   func(*Tx) error
	}{
		{"put what was read", func(tx *Tx) error { return edit(tx, get(tx, "a"), index.Take) }},
		{"put after another was read", func(tx *Tx) error {
			r := get(tx, "a")
			get(tx, "b")
			return edit(tx, r, index.Take)
		}},
		{"put twice", func(tx *Tx) error {
			r := get(tx, "a")
			if err := edit(tx, r, index.Take); err != nil {
				return err
			}
			return edit(tx, r, index.Wait)
		}},
		{"drop, and put anew", func(tx *Tx) error {
			r := get(tx, "a")
			if err := tx.Delete("a"); err != nil {
				return err
			}
			return edit(tx, &index.Record{Path: r.Path}, index.Take)
		}},
		{"put, and drop", func(tx *Tx) error {
			if err := edit(tx, get(tx, "a"), index.Take); err != nil {
				return err
			}
			return tx.Delete("a")
		}},
		{"drop twice", func(tx *Tx) error {
			get(tx, "a")
			if err := tx.Delete("a"); err != nil {
				return err
			}
			return tx.Delete("a")
		}},
		{"put what is new", func(tx *Tx) error {
			r := get(tx, "c")
			if err := edit(tx, r, index.Take); err != nil {
				return err
			}
			return edit(tx, r, index.Wait)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := openTest(t, tempIndex(t))
			update(t, s, func(tx *Tx) error {
				m, err := tx.Meta()
				if err != nil {
					return err
				}
				m.PeerEpoch, m.Heard = m.Epoch+1, 7
				if err := tx.PutMeta(m); err != nil {
					return err
				}
				for _, p := range paths {
					if err := edit(tx, get(tx, p), index.Wait); err != nil {
						return err
					}
				}
				return nil
			})
			checkStore(t, s)
			update(t, s, test.do)
			checkStore(t, s)
		})
	}
}
