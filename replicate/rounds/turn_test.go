package rounds

import (
	"testing"
	"time"

	"duet/store"
	"duet/store/index"
)

// walked is a Rounds on an index of which nothing is installed: what is in a batch is
// only crossed off.
type walked struct {
	*testing.T
	r   *Rounds
	now time.Time
	pos index.Seq
}

func newWalked(t *testing.T) *walked {
	return &walked{T: t, r: roundsOf(t), now: time.Unix(1e9, 0)}
}

// hear puts directories among what is to do.
func (w *walked) hear(paths ...index.Path) {
	w.Helper()
	announce(w.T, w.r, w.pos+1, index.Dir, paths...)
	w.pos += index.Seq(len(paths))
	w.r.Kick()
}

// next makes a batch and, two batches later, has it landed.
func (w *walked) next() *Batch {
	w.Helper()
	for {
		w.now = w.now.Add(time.Second)
		w.r.Wake(w.now)
		if !w.r.More() {
			return nil
		}
		b, idle, err := w.r.Next(Moment{Now: w.now})
		if err != nil {
			w.Fatal(err)
		}
		if b != nil {
			w.r.Launch(b, nil, w.now)
			return b
		}
		if idle {
			return nil
		}
	}
}

func (w *walked) land(b *Batch) {
	w.Helper()
	update(w.T, w.r, func(tx *store.Tx) error {
		for i := range b.Jobs {
			if err := tx.Delete(b.Jobs[i].Path); err != nil {
				return err
			}
		}
		return nil
	})
	w.r.Landed(b, w.now)
}

// What the walk has left behind it does not wait until all that lies before it is
// done, of which there may be a million paths.
func TestNothingStarvesBehindTheWalk(t *testing.T) {
	w := newWalked(t)
	w.hear(numbered("d", 6*maxBehind)...)
	b := w.next()
	w.hear("a") // the walk is past it
	for done := 0; ; {
		for i := range b.Jobs {
			if b.Jobs[i].Path == "a" {
				if done > maxBehind+maxBatch {
					t.Errorf("it waited for %d others", done)
				}
				return
			}
		}
		done += len(b.Jobs)
		w.land(b)
		if b = w.next(); b == nil {
			t.Fatal("it was not done at all")
		}
	}
}

// What cannot be done is not passed again and again for the sake of what may have
// become possible behind the walk; and in the end all is done.
func TestTurnsAreFew(t *testing.T) {
	w := newWalked(t)
	const stuck, fine = 3 * maxBehind, 6 * maxBehind
	w.hear(numbered("a/missing/", stuck)...)
	w.hear(numbered("d", fine)...)
	done, passed := 0, 0
	for {
		before := w.r.passed
		b := w.next()
		if n := w.r.passed; n < before {
			passed += before // that walk has turned back
		}
		if b == nil {
			break
		}
		done += len(b.Jobs)
		w.land(b)
	}
	passed += w.r.passed
	if done != fine {
		t.Errorf("%d done", done)
	}
	if most := 2 * (stuck + fine); passed > most {
		t.Errorf("%d paths were passed, more than %d", passed, most)
	}
	t.Logf("%d paths passed for %d", passed, stuck+fine)
}
