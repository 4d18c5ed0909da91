package rounds

import (
	"fmt"
	"testing"
	"time"

	"duet/scan"
	"duet/store"
	"duet/store/index"
)

// renamed is a share of which the peer has renamed the directory was to is, with n
// files in it.
func renamed(t *testing.T, was, is index.Path, n int) *Rounds {
	t.Helper()
	r := roundsOf(t)
	heard := index.Seq(0)
	update(t, r, func(tx *store.Tx) error {
		meta, err := tx.Meta()
		if err != nil {
			return err
		}
		dir := index.Entry{Kind: index.Dir, Mode: 0o755, Origin: 2}
		move := func(from, to index.Path, e index.Entry) error {
			v := index.Version{{Epoch: meta.Epoch, Seq: tx.Head() + 1}}
			ours, gone, theirs := e, index.Entry{Kind: index.Gone, Origin: 2}, e
			ours.Version = v
			pos, err := tx.Note(index.Event{Path: from, What: index.Created, How: index.ByScan, Node: 1, Entry: &ours})
			if err != nil {
				return err
			}
			heard += 2
			gone.Version, theirs.Version = v.Join(index.Version{{Epoch: 7, Seq: heard - 1}}), index.Version{{Epoch: 7, Seq: heard}}
			sight := func(other index.Path) index.Sighting {
				if e.Kind == index.Dir {
					other = index.Root
				}
				return index.Sighting{How: index.ByWatch, Time: 1, Other: other}
			}
			if err := tx.Put(&index.Record{
				Path: from, Ours: &ours, Pos: pos, Stamp: index.Stamp{Ino: uint64(pos), Mode: 1},
				Theirs: &gone, Heard: heard - 1, Next: index.Take, Noticed: sight(to),
			}); err != nil {
				return err
			}
			return tx.Put(&index.Record{Path: to, Theirs: &theirs, Heard: heard, Next: index.Take, Noticed: sight(from)})
		}
		if err := move(was, is, dir); err != nil {
			return err
		}
		for i := range n {
			leaf := fmt.Sprintf("/f%05d", i)
			file := index.Entry{Kind: index.File, Size: 1, Hash: scan.SumBytes([]byte(leaf)), Mode: 0o644, Origin: 2}
			if err := move(was+index.Path(leaf), is+index.Path(leaf), file); err != nil {
				return err
			}
		}
		return nil
	})
	return r
}

// A directory is moved as a whole also if the walk comes by all that it was before
// it comes to what it is: where all is moved, a turn may pass more.
func TestLargeRenamedDirectory(t *testing.T) {
	const n = maxPassed * 3 / 4 // twice that is more than one turn passes of other things
	for _, name := range [][2]index.Path{{"a", "b"}, {"b", "a"}} {
		was, is := name[0], name[1]
		t.Run(fmt.Sprint(was, " to ", is), func(t *testing.T) {
			r := renamed(t, was, is, n)
			b, _, err := r.Next(Moment{Now: time.Unix(1e9, 0), Drained: true, Heard: 2*n + 2})
			if err != nil || b == nil {
				t.Fatalf("%+v, %v", b, err)
			}
			if len(b.Jobs) != n+1 {
				t.Errorf("%d paths in the batch, want %d", len(b.Jobs), n+1)
			}
			for _, j := range b.Jobs {
				if j.Path == is && j.From != was {
					t.Errorf("%v comes from %q, want %q", is, j.From, was)
				}
			}
		})
	}
}

// What is moved makes a turn twice as long at most, however much comes behind it that
// nothing can be done with.
func TestMovesDoNotWalkForEver(t *testing.T) {
	r := renamed(t, "b", "a", 100)
	announce(t, r, 1000, index.File, numbered("nowhere/", 3*maxPassed)...)
	b, _, err := r.Next(Moment{Now: time.Unix(1e9, 0), Drained: true, Heard: 1e6})
	if err != nil || b == nil || len(b.Jobs) != 101 {
		t.Fatalf("%+v, %v", b, err)
	}
	if r.passed > 2*maxPassed {
		t.Errorf("one turn passed %d paths", r.passed)
	}
}
