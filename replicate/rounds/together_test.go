package rounds

import (
	"errors"
	"strings"
	"testing"
	"time"

	"duet/replicate/install"
	"duet/store/index"
)

// paths tells the jobs of a batch.
func paths(b *Batch) string {
	if b == nil {
		return "none"
	}
	var all []string
	for i := range b.Jobs {
		all = append(all, string(b.Jobs[i].Path))
	}
	return strings.Join(all, " ")
}

// Contents that are soon here take what is to be removed along, after them; not while
// others are on their way, nor where something is moved, or takes the place of a
// directory, or is still to come.
func TestRemovalsGoAlong(t *testing.T) {
	drained := Moment{Drained: true}
	for _, c := range []struct {
		name    string
		put     func(putting)
		m       Moment
		first   string // batch
		removes bool
	}{
		{"contents", func(put putting) {
			put("new", 0, index.File, "")
			put("d", index.Dir, index.Gone, "")
			put("d/f", index.File, index.Gone, "")
			put("gone", index.File, index.Gone, "")
		}, drained, "new gone d/f d", true},
		{"not all is heard", newAndGone, Moment{}, "new", false},
		{"a scan goes on", newAndGone, Moment{Drained: true, Scanning: true}, "new", false},
		{"a rename", func(put putting) {
			put("was/same", index.File, index.Gone, "same")
			put("same", 0, index.File, "was/same")
			put("gone", index.File, index.Gone, "")
		}, drained, "same", false},
		{"a directory that becomes a file", func(put putting) {
			put("d", index.Dir, index.File, "")
			put("d/f", index.File, index.Gone, "")
			put("gone", index.File, index.Gone, "")
		}, drained, "d", true},
		{"a link comes after the contents", func(put putting) {
			put("current", 0, index.Symlink, "")
			newAndGone(put)
		}, drained, "new", false},
		{"a link", func(put putting) {
			put("current", 0, index.Symlink, "")
			put("gone", index.File, index.Gone, "")
		}, drained, "current gone", true},
		{"too many", func(put putting) {
			put("new", 0, index.File, "")
			for _, p := range numbered("gone/", 120) {
				put(p, index.File, index.Gone, "")
			}
		}, drained, "new", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, put := renaming(t)
			c.put(put)
			c.m.Now = time.Unix(1e9, 0)
			b, _, err := r.Next(c.m)
			if err != nil {
				t.Fatal(err)
			}
			if got := paths(b); got != c.first {
				t.Errorf("the first batch is %q, want %q", got, c.first)
			}
			if got := b.Removes(); got != c.removes {
				t.Errorf("it says that it removes: %v", got)
			}
		})
	}
}

// newAndGone is a content to come, and a file to go.
func newAndGone(put putting) {
	put("new", 0, index.File, "")
	put("gone", index.File, index.Gone, "")
}

// goneAlong is the batch of these, on its way.
func goneAlong(t *testing.T, now time.Time) (*Rounds, *Batch) {
	t.Helper()
	r, put := renaming(t)
	newAndGone(put)
	b, _, err := r.Next(Moment{Now: now, Drained: true})
	if err != nil || paths(b) != "new gone" {
		t.Fatalf("%v, %v", paths(b), err)
	}
	r.Launch(b, nil, now)
	return r, b
}

// While something is on its way nothing is removed: it may be what the removals are
// to come after.
func TestRemovalsWaitForWhatIsOnItsWay(t *testing.T) {
	r, put := renaming(t)
	put("first", 0, index.File, "")
	now := time.Unix(1e9, 0)
	first, _, err := r.Next(Moment{Now: now, Drained: true})
	if err != nil || paths(first) != "first" {
		t.Fatalf("%v, %v", paths(first), err)
	}
	r.Launch(first, nil, now)
	put("second", 0, index.File, "")
	put("gone", index.File, index.Gone, "")
	r.Kick()
	b, _, err := r.Next(Moment{Now: now, Drained: true})
	if err != nil || paths(b) != "second" {
		t.Fatalf("beside the first: %v, %v", paths(b), err)
	}
}

// Removals that went along count for max_delete, and contents do not.
func TestRemovalsThatWentAlongCount(t *testing.T) {
	now := time.Unix(1e9, 0)
	r, b := goneAlong(t, now)
	r.deleted[0].Span = time.Minute
	for i := range b.Jobs {
		r.Done(b, &install.Outcome{Path: b.Jobs[i].Path, Done: true}, now)
	}
	if n := r.Lately(now)[0]; n != 1 {
		t.Errorf("%d deletes are counted", n)
	}
}

// Removals stay behind where a content failed that they were to come after, or took
// its time: then they are decided anew.
func TestRemovalsStayBehind(t *testing.T) {
	for _, c := range []struct {
		name    string
		took    time.Duration
		err     error
		want    string // what is installed
		removes bool
	}{
		{"in time", joinWithin / 2, nil, "new gone", true},
		{"late", joinWithin, nil, "new", false},
		{"failed", 0, errors.New("no"), "new", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := time.Unix(1e9, 0)
			r, b := goneAlong(t, now)
			if c.err != nil {
				b.Failed["new"] = c.err
			}
			r.Ready(b, now.Add(c.took))
			if got := paths(b); got != c.want {
				t.Errorf("installed is %q, want %q", got, c.want)
			}
			if got := b.Removes(); got != c.removes {
				t.Errorf("it says that it removes: %v", got)
			}
			if got := r.Flying("gone"); got != c.removes {
				t.Errorf("what is removed is on its way: %v", got)
			}
			r.Landed(b, now.Add(c.took))
			if r.Flying("new") || r.Flying("gone") || r.Busy() != 0 {
				t.Error("something is still on its way")
			}
		})
	}
}
