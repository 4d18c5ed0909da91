package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	bolt "go.etcd.io/bbolt"

	"duet/store/index"
)

// life makes edits of a few paths, so that most events are pointed at by no
// record any more; an event's time is its position.
func life(t *testing.T, s *Store, rnd *rand.Rand, edits int) {
	t.Helper()
	update(t, s, func(tx *Tx) error {
		for range edits {
			p := index.Path(fmt.Sprintf("dir%d/some file %d", rnd.IntN(3), rnd.IntN(12)))
			if err := edit(tx, p, index.Changed, *file(byte(rnd.Uint32()), nil)); err != nil {
				return err
			}
		}
		return nil
	})
}

// journalNow returns all events, and checks that every way to read them says
// the same.
func journalNow(t *testing.T, s *Store, rnd *rand.Rand) (out []index.Event) {
	t.Helper()
	view(t, s, func(tx *Tx) error {
		out = collect(t, "Events", tx.Events(0))
		back := collect(t, "EventsBack", tx.EventsBack(0))
		slices.Reverse(back)
		equal(t, "EventsBack", back, out)
		for range 20 {
			from := index.Seq(rnd.Uint64N(uint64(tx.Head()) + 2))
			later := slices.DeleteFunc(slices.Clone(out), func(e index.Event) bool { return e.Pos < from })
			equal(t, fmt.Sprint("Events from ", from), collect(t, "Events", tx.Events(from)), later)
			earlier := slices.DeleteFunc(slices.Clone(out), func(e index.Event) bool { return from != 0 && e.Pos > from })
			slices.Reverse(earlier)
			equal(t, fmt.Sprint("EventsBack from ", from), collect(t, "EventsBack", tx.EventsBack(from)), earlier)
			r, err := tx.At(from)
			there := slices.ContainsFunc(out, func(e index.Event) bool { return r != nil && e.Pos == from && e.Path == r.Path })
			if err != nil || r != nil && (r.Pos != from || !there) {
				t.Errorf("At(%d): %+v, %v", from, r, err)
			}
		}
		return nil
	})
	return out
}

// needed tells the events that a record points at.
func needed(t *testing.T, s *Store) map[index.Seq]bool {
	t.Helper()
	out := map[index.Seq]bool{}
	view(t, s, func(tx *Tx) error {
		for r, err := range tx.Range(index.Root, false) {
			if err != nil {
				return err
			}
			out[r.Pos] = true
		}
		return nil
	})
	return out
}

func TestPruneJournal(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 2))
			path := tempIndex(t)
			s := openTest(t, path)
			for round := range 6 {
				life(t, s, rnd, 40+rnd.IntN(100))
				was, keep := journalNow(t, s, rnd), needed(t, s)
				head := was[len(was)-1].Pos
				before := int64(rnd.IntN(int(head) + 20))
				want := slices.DeleteFunc(slices.Clone(was), func(e index.Event) bool {
					return !keep[e.Pos] && e.Time < before && e.Pos < groupOf(head)
				})
				var out Pruning
				for dropped := int64(0); !out.Done; {
					update(t, s, func(tx *Tx) (err error) {
						dry, err := tx.PruneJournal(out.Upto, JournalLimits{Before: before}, 48, true)
						if err == nil {
							out, err = tx.PruneJournal(out.Upto, JournalLimits{Before: before}, 48, false)
						}
						if dry.Found != (out.Dropped > 0) || dry.Dropped != 0 {
							t.Errorf("a dry run says %+v, and then %+v", dry, out)
						}
						dropped += out.Dropped
						return err
					})
					if out.Done && dropped != int64(len(was)-len(want)) {
						t.Errorf("%d dropped, want %d", dropped, len(was)-len(want))
					}
				}
				checkStore(t, s)
				equal(t, fmt.Sprint("round ", round), journalNow(t, s, rnd), want)
				if rnd.IntN(2) == 0 {
					closeTest(t, s)
					s = openTest(t, path)
				}
				if t.Failed() {
					t.FailNow()
				}
			}
			closeTest(t, s)
		})
	}
}

// A journal that is too large loses its oldest events first, whatever their age.
func TestPruneJournalBySize(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 1))
	s := openTest(t, tempIndex(t))
	life(t, s, rnd, 500)
	counts := func() (c Counts) {
		view(t, s, func(tx *Tx) (err error) { c, err = tx.Counts(); return err })
		return c
	}
	limit := counts().EventBytes / 2
	update(t, s, func(tx *Tx) error {
		out, err := tx.PruneJournal(0, JournalLimits{Bytes: limit}, 10000, false)
		if !out.Done || out.Dropped == 0 {
			t.Errorf("%+v", out)
		}
		return err
	})
	if c := counts(); c.EventBytes > limit || c.EventBytes < limit*8/10 {
		t.Errorf("%d bytes are left, the limit is %d", c.EventBytes, limit)
	}
	checkStore(t, s)
	left := journalNow(t, s, rnd)
	for _, e := range left[len(left)-100:] {
		if e.Pos < 400 {
			t.Errorf("of the last hundred, position %d is left, and newer ones went", e.Pos)
		}
	}
}

// An index from before there were counts of the journal gets them.
func TestCountEvents(t *testing.T) {
	t.Parallel()
	path := tempIndex(t)
	s := openTest(t, path)
	life(t, s, rand.New(rand.NewPCG(1, 1)), 100)
	var want Counts
	view(t, s, func(tx *Tx) (err error) { want, err = tx.Counts(); return err })
	if err := s.db.Update(func(b *bolt.Tx) error {
		old := want
		old.Events, old.EventBytes = 0, 0
		if err := b.DeleteBucket(mentionBucket); err != nil {
			return err
		}
		raw, err := old.marshal()
		if err != nil {
			return err
		}
		if err := b.Bucket(metaBucket).Put(countsKey, raw); err != nil {
			return err
		}
		return b.Bucket(metaBucket).Put(formatKey, []byte{0, 0, 0, 2})
	}); err != nil {
		t.Fatal(err)
	}
	closeTest(t, s)
	s = openTest(t, path)
	view(t, s, func(tx *Tx) error {
		if got, err := tx.Counts(); err != nil || got != want {
			t.Errorf("counts %+v, want %+v, %v", got, want, err)
		}
		return nil
	})
	checkStore(t, s)
}
