package rounds

import (
	"testing"
	"time"

	"duet/recovery"
	"duet/replicate/gauge"
	"duet/store"
	"duet/store/index"
)

// What was removed within the window counts after a start, whether its tombstone is
// still there, or is forgotten, or something else is there by now; nothing else does.
func TestRecall(t *testing.T) {
	r, _ := hearing(t)
	bounds, _, err := recovery.ParseBounds("10", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Bounds, r.deleted = bounds, []gauge.Lately{{Span: time.Minute}}
	now, pos := time.Unix(1e9, 0), index.Seq(0)
	put := func(p index.Path, kind index.Kind, by index.NodeID, ago time.Duration, more func(*index.Event)) {
		t.Helper()
		err := r.Book.Store.Update(func(tx *store.Tx) error {
			rec, err := tx.Get(p)
			if err != nil {
				return err
			}
			if rec == nil {
				rec = &index.Record{Path: p}
			}
			pos = tx.Head() + 1
			e := &index.Entry{Kind: kind, Version: index.Version{{Epoch: 7, Seq: pos}}, Origin: by}
			if kind == index.Dir {
				e.Mode = 0o755
			}
			ev := index.Event{Path: p, What: index.Adopted, How: index.ByPeer, Node: by, Time: now.Add(-ago).UnixNano(), Entry: e}
			if more != nil {
				more(&ev)
			}
			rec.Ours, rec.Pos, rec.Next, rec.Stamp = e, pos, index.Wait, index.Stamp{}
			if e.Live() {
				rec.Stamp = index.Stamp{Ino: 5, Mode: 0o40755}
			}
			if err := tx.Put(rec); err != nil {
				return err
			}
			_, err = tx.Note(ev)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	recalled := func() int64 {
		t.Helper()
		r.deleted[0] = gauge.Lately{Span: time.Minute}
		if err := r.Book.Store.View(func(tx *store.Tx) error { return r.Recall(tx, now, now) }); err != nil {
			t.Fatal(err)
		}
		return int64(r.deleted[0].Sum(now))
	}
	put("long ago", index.Gone, 2, time.Hour, nil)
	put("came", index.Dir, 2, 30*time.Second, nil)
	put("own", index.Gone, 1, 30*time.Second, nil)
	put("moved", index.Gone, 2, 30*time.Second, func(ev *index.Event) { ev.To = "there" })
	put("approved", index.Gone, 2, 30*time.Second, func(ev *index.Event) { ev.Note = approvedNote })
	if n := recalled(); n != 0 {
		t.Errorf("%d removals recalled, and there were none that count", n)
	}
	put("gone", index.Gone, 2, 20*time.Second, nil)
	if n := recalled(); n != 1 {
		t.Errorf("%d removals recalled, want the one whose tombstone is there", n)
	}
	for _, p := range []index.Path{"long ago", "own", "moved", "approved", "gone"} {
		put(p, index.Dir, 1, time.Second, nil)
	}
	if n := recalled(); n != 1 {
		t.Errorf("%d removals recalled, want the one in whose place there is something", n)
	}
}
