package rounds

import (
	"fmt"
	"testing"
	"time"

	"duet/replicate/wire"
	"duet/scan"
	"duet/store/index"
)

// hearing is a Rounds that has heard nothing yet.
func hearing(t *testing.T) (*Rounds, func(cs ...wire.Change)) {
	t.Helper()
	r := roundsOf(t)
	return r, func(cs ...wire.Change) {
		t.Helper()
		last := cs[len(cs)-1].Pos
		m := &wire.Changes{Changes: cs, Through: last, Head: last, Run: 1}
		r.Remember(m)
		if _, err := r.Book.Hear([]*wire.Changes{m}, 0, 1, false); err != nil {
			t.Fatal(err)
		}
		r.Kick()
	}
}

func change(pos index.Seq, p index.Path, kind index.Kind, how index.How) wire.Change {
	e := &index.Entry{Kind: kind, Mode: 0o644, Version: index.Version{{Epoch: 7, Seq: pos}}, Origin: 2}
	if kind == index.File {
		e.Hash, e.ModTime = scan.SumBytes(nil), 1e18
	}
	return wire.Change{Pos: pos, Path: p, Noticed: index.Sighting{How: how, Time: 1}, Entry: e}
}

// What somebody has just saved there goes ahead of what a scan found, with the
// directory that is to hold it, and beside all that is on its way already.
func TestSavesGoAhead(t *testing.T) {
	r, hear := hearing(t)
	var found []wire.Change
	for i := range 4000 {
		found = append(found, change(index.Seq(i+1), index.Path(fmt.Sprintf("f%04d", i)), index.File, index.ByScan))
	}
	found = append(found, change(4001, "z", index.Dir, index.ByScan))
	hear(found...)
	now := Moment{Now: time.Unix(1e9, 0)}
	if b, err := r.Ahead(now); b != nil || err != nil {
		t.Fatalf("goes ahead: %+v, %v", b, err)
	}
	b, _, err := r.Next(now)
	if err != nil || len(b.Jobs) != maxBatch || b.Ahead {
		t.Fatalf("the first batch: %d jobs, %v", len(b.Jobs), err)
	}
	r.Launch(b, nil, now.Now)
	r.batches = maxBatches

	hear(change(4002, "z/saved", index.File, index.ByWatch))
	b, err = r.Ahead(now)
	if err != nil || b == nil || !b.Ahead {
		t.Fatalf("a save does not go ahead: %+v, %v", b, err)
	}
	if len(b.Jobs) != 2 || b.Jobs[0].Path != "z" || b.Jobs[1].Path != "z/saved" {
		t.Errorf("what goes ahead is %+v", b.Jobs)
	}
	r.Launch(b, nil, now.Now)
	if b, _ := r.Ahead(now); b != nil {
		t.Error("it goes ahead twice")
	}
	r.batches = 1
	if b, _, err = r.Next(now); err != nil || b == nil || b.Jobs[0].Path != "f2048" {
		t.Errorf("the walk does not go on where it was: %+v, %v", b, err)
	}
}

// A storm of events is no person's save: it has the order of the walk, in batches
// as large as others.
func TestStormsDoNotGoAhead(t *testing.T) {
	r, hear := hearing(t)
	var storm []wire.Change
	for i := range wire.FewSaves + 1 {
		storm = append(storm, change(index.Seq(i+1), index.Path(fmt.Sprintf("f%04d", i)), index.File, index.ByWatch))
	}
	hear(storm...)
	r.batches = 1
	if b, err := r.Ahead(Moment{Now: time.Unix(1e9, 0)}); b != nil || err != nil {
		t.Errorf("goes ahead: %+v, %v", b, err)
	}
}
