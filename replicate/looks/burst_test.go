package looks

import (
	"testing"
	"time"

	"duet/store/index"
)

// What is deleted is told to be all there is only when nothing has happened for
// longer than between any two things before.
func TestBurst(t *testing.T) {
	start := time.Unix(1e9, 0)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	owed := func(b *Burst, through index.Seq, when time.Time) {
		t.Helper()
		if got, due := b.Owed(); got != through || !due.Equal(when) {
			t.Errorf("owed up to %d at %v, want %d at %v", got, due.Sub(start), through, when.Sub(start))
		}
	}
	var b Burst
	b.Stir(at(0))
	owed(&b, 0, time.Time{}) // nothing was deleted
	b.Stir(at(1))
	b.Deleted(7)
	owed(&b, 7, at(1+25))
	b.Stir(at(41)) // slow
	owed(&b, 7, at(41+120))
	b.Stir(at(1541)) // and slower: but there is an end to waiting
	owed(&b, 7, at(1541+2000))
	b.Told(7)
	owed(&b, 0, time.Time{})
	b.Stir(at(5000)) // another one
	b.Deleted(9)
	owed(&b, 9, at(5000+25))
	b.Told(9)
	b.Forget() // another session
	owed(&b, 9, at(5000+25))
}
