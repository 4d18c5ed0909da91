package expiry

import (
	"fmt"
	"testing"
	"time"

	"duet/store"
	"duet/store/index"
)

func TestTrimmer(t *testing.T) {
	a := newAttic(t)
	a.must(a.st.Update(func(tx *store.Tx) error {
		for i := range 5000 {
			_, err := tx.Note(index.Event{Path: index.Path(fmt.Sprint("f", i)), What: index.Pruned, How: index.ByRule, Node: 1,
				Time: noon.Add(time.Duration(i-5000) * time.Hour).UnixNano()})
			if err != nil {
				return err
			}
		}
		return nil
	}))
	tr := &Trimmer{Store: a.st, Limits: Journal{Age: 1000 * time.Hour}}
	steps := 1
	for {
		more, err := tr.Step(noon)
		a.must(err)
		if !more {
			break
		}
		steps++
	}
	var c store.Counts
	a.must(a.st.View(func(tx *store.Tx) (err error) { c, err = tx.Counts(); return err }))
	if steps < 2 || c.Events < 1000 || c.Events > 1016 {
		t.Errorf("%d events are left after %d steps", c.Events, steps)
	}
	a.left()
	// Later there is more to do, but not at once, unless the clock was set back.
	tr.Limits.Age = time.Hour
	for _, x := range []struct {
		after time.Duration
		most  int64
	}{{time.Minute, 1016}, {-240 * time.Hour, 272}, {2 * time.Hour, 32}} {
		for more := true; more; {
			var err error
			more, err = tr.Step(noon.Add(x.after))
			a.must(err)
		}
		a.must(a.st.View(func(tx *store.Tx) (err error) { c, err = tx.Counts(); return err }))
		if c.Events > x.most || x.after == time.Minute && c.Events < 1000 {
			t.Errorf("after %v: %d events are left", x.after, c.Events)
		}
	}
}
