package store

import (
	"math/rand/v2"
	"slices"
	"testing"

	"duet/store/index"
)

// LiveUnder says of what is here what the records say that are below a directory.
func TestLiveUnder(t *testing.T) {
	t.Parallel()
	s := openTest(t, tempIndex(t))
	ownEdits(t, s, rand.New(rand.NewPCG(1, 2)), []index.Path{"a", "d", "d/a", "d/b", "d/b/c", "d/g", "da", "e"}, 8)
	update(t, s, func(tx *Tx) error {
		r, err := tx.Get("d/g")
		if err != nil {
			return err
		}
		r.Ours, r.Stamp = &index.Entry{Kind: index.Gone, Version: r.Ours.Version, Origin: testNode}, index.Stamp{}
		if r.Pos, err = tx.Note(index.Event{Path: r.Path, What: index.Deleted, How: index.ByScan, Node: testNode, Entry: r.Ours}); err != nil {
			return err
		}
		if err := tx.Put(r); err != nil {
			return err
		}
		heard := &index.Record{Path: "d/heard", Theirs: &index.Entry{Kind: index.Dir, Origin: 7, Version: index.Version{{Epoch: 9, Seq: 1}}}, Heard: 1, Next: index.Take}
		return tx.Put(heard)
	})
	for _, dir := range []index.Path{"d", "d/b", "a", "nothing"} {
		view(t, s, func(tx *Tx) error {
			var want, got []Live
			for r, err := range tx.Under(dir) {
				if err != nil {
					return err
				}
				if r.Ours.Live() {
					want = append(want, Live{r.Path, r.Ours.Kind})
				}
			}
			for live, err := range tx.LiveUnder(dir) {
				if err != nil {
					return err
				}
				got = append(got, live)
			}
			if !slices.Equal(got, want) {
				t.Errorf("below %v: %v, want %v", dir, got, want)
			}
			return nil
		})
	}
}
