package expiry

import (
	"fmt"
	"testing"
	"time"

	"duet/store"
	"duet/store/index"
)

// What is remembered of orders goes with age, in steps, and never the last one.
func TestRulings(t *testing.T) {
	a := newAttic(t)
	a.must(a.st.Update(func(tx *store.Tx) error {
		for i, ago := range []time.Duration{40 * day, 31 * day, 29 * day, 50 * day} {
			id, err := tx.AddRuling(index.Ruling{Time: noon.Add(-ago).UnixNano()})
			if err != nil {
				return err
			}
			for n := range 600 {
				if i > 0 && n == 10 {
					break
				}
				if err := tx.PutRuled(index.Ruled{Ruling: id, Path: index.Path(fmt.Sprint("f", n)), After: index.Version{{Epoch: 1, Seq: 1}}}); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	for step, want := range []bool{true, false, false} {
		if more, err := Rulings(a.st, 30*day, noon); err != nil || more != want {
			t.Errorf("step %d: more %v, %v", step, more, err)
		}
	}
	var left []uint64
	a.must(a.st.View(func(tx *store.Tx) error {
		for r, err := range tx.Rulings() {
			if err != nil {
				return err
			}
			left = append(left, r.ID)
		}
		return nil
	}))
	if fmt.Sprint(left) != "[3 4]" { // 4 is the last order, whatever the clock said
		t.Errorf("rulings %d are left, want 3 and 4", left)
	}
	a.want("")
}

// A loser that a person has settled goes like any other version, and its
// conflict with it.
func TestSettledLoserGoes(t *testing.T) {
	a := newAttic(t)
	loser := &index.Entry{Kind: index.File, Hash: index.Hash{1}, Mode: 0o600, Version: index.Version{{Epoch: 1, Seq: 1}}}
	ids := []uint64{a.keep("page", 5, time.Hour), a.keep("page", 5, time.Hour), a.keep("page", 5, time.Hour)}
	a.must(a.st.Update(func(tx *store.Tx) error {
		e := *loser
		e.Hash[0], e.Settled = 2, &index.Settlement{Upto: loser.Version}
		if _, err := tx.Note(index.Event{Path: "page", What: index.Resolved, How: index.ByUser, Entry: &e}); err != nil {
			return err
		}
		if err := tx.Put(&index.Record{Path: "page", Ours: &e, Pos: tx.Head(), Next: index.Wait}); err != nil {
			return err
		}
		_, err := tx.AddConflict(index.Conflict{Path: "page", Time: 1, Kept: ids[0], Winner: &e, Loser: loser})
		return err
	}))
	p := a.pruner(Limits{Versions: 2})
	if r, err := p.Step(noon); err != nil || len(r.Pruned) != 1 || len(r.Pruned[0].Conflicts) != 1 {
		t.Errorf("report %+v, %v", r, err)
	}
	a.want("two of three", ids[1:]...)
}
