package rounds

import (
	"testing"
	"time"

	"duet/store"
	"duet/store/index"
)

// putting puts a record with these sides, the peer's as it told of it: moved from, or
// to, other.
type putting func(p index.Path, ours, theirs index.Kind, other index.Path)

// renaming is the rounds of a share whose index is what put puts into it.
func renaming(t *testing.T) (*Rounds, putting) {
	t.Helper()
	r := roundsOf(t)
	heard := index.Seq(0)
	return r, func(p index.Path, ours, theirs index.Kind, other index.Path) {
		t.Helper()
		update(t, r, func(tx *store.Tx) error {
			meta, err := tx.Meta()
			if err != nil {
				return err
			}
			r := &index.Record{Path: p}
			var v index.Version
			if ours != 0 {
				v = index.Version{{Epoch: meta.Epoch, Seq: tx.Head() + 1}}
				r.Ours = entryOf(p, ours, v)
				r.Stamp = index.Stamp{Ino: uint64(tx.Head()) + 1, Mode: 1}
				if r.Pos, err = tx.Note(index.Event{Path: p, What: index.Created, How: index.ByScan, Node: 1, Entry: r.Ours}); err != nil {
					return err
				}
			}
			if theirs != 0 {
				heard++
				r.Theirs, r.Heard, r.Next = entryOf(p, theirs, v.Join(index.Version{{Epoch: 7, Seq: heard}})), heard, index.Take
				r.Noticed = index.Sighting{How: index.ByWatch, Time: 1, Other: other}
			}
			return tx.Put(r)
		})
	}
}

// A directory that the peer has renamed is not made before all is heard of the old
// one, and then named as what it was, with all that is in it; unless something is
// to stay there.
func TestRenamedDirectory(t *testing.T) {
	for name, c := range map[string]struct {
		stays bool
		from  index.Path
	}{"whole": {false, "old"}, "something stays": {true, ""}} {
		t.Run(name, func(t *testing.T) {
			r, put := renaming(t)
			put("new", 0, index.Dir, "")
			put("new/f", 0, index.File, "old/f")
			put("new/sub", 0, index.Dir, "")
			put("new/sub/g", 0, index.File, "old/sub/g")
			put("old", index.Dir, index.Gone, "")
			put("old/f", index.File, index.Gone, "new/f")
			put("old/sub", index.Dir, index.Gone, "")
			put("old/sub/g", index.File, index.Gone, "new/sub/g")
			if c.stays {
				put("old/sub/stays", index.File, 0, "")
			}
			now := time.Unix(1e9, 0)
			if b, _, err := r.Next(Moment{Now: now}); err != nil || b != nil {
				t.Fatalf("before all is heard: %+v, %v", b, err)
			}
			r.Kick()
			r.Wake(now.Add(time.Second))
			b, _, err := r.Next(Moment{Now: now.Add(time.Second), Drained: true})
			if err != nil || b == nil {
				t.Fatalf("%+v, %v", b, err)
			}
			got := map[index.Path]index.Path{}
			for _, j := range b.Jobs {
				got[j.Path] = j.From
			}
			want := map[index.Path]index.Path{"new": c.from, "new/f": "old/f", "new/sub": "", "new/sub/g": "old/sub/g"}
			if c.from != "" {
				want["new/sub"] = "old/sub"
			}
			for p, from := range want {
				if was, ok := got[p]; !ok || was != from {
					t.Errorf("%v comes from %q, want %q", p, was, from)
				}
			}
		})
	}
}

// All is heard while a walk that began before that pauses: what it passed has waited
// for that, and is looked at again before anything is removed, or the files of a
// directory that was renamed would be taken away, and fetched.
func TestHeardInAPause(t *testing.T) {
	r, put := renaming(t)
	put("new", 0, index.Dir, "")
	put("new/f", 0, index.File, "old/f")
	put("old", index.Dir, index.Gone, "")
	put("old/f", index.File, index.Gone, "new/f")
	announce(t, r, 10, index.File, numbered("none/", maxPassed)...)
	now := time.Unix(1e9, 0)
	if b, _, err := r.Next(Moment{Now: now}); err != nil || b != nil || !r.Paused() {
		t.Fatalf("before all is heard: %+v, %v, paused %v", b, err, r.Paused())
	}
	r.Kick()
	for range 10 {
		now = now.Add(time.Second)
		r.Wake(now)
		b, _, err := r.Next(Moment{Now: now, Drained: true})
		if err != nil {
			t.Fatal(err)
		}
		if b == nil {
			continue
		}
		if b.Removes() || len(b.Jobs) != 2 || b.Jobs[0].From != "old" {
			t.Errorf("first come %+v, removals %v", b.Jobs, b.Removes())
		}
		return
	}
	t.Error("nothing was found to do")
}
