package expiry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"duet/recovery"
	"duet/recovery/landing"
	"duet/scan"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// attic is a holding area with an index, on a real filesystem of which free
// and capacity are made up.
type attic struct {
	t    *testing.T
	top  string
	st   *store.Store
	disk faked
	hook func(stage string) error

	serial int // for names
}

// faked is files whose filesystem has the size that a test wants, and that stop
// where a test wants.
type faked struct {
	vfs.Files
	free, capacity int64
	remove         func() error
}

func (f faked) Free() (int64, error)     { return f.free, nil }
func (f faked) Capacity() (int64, error) { return f.capacity, nil }

func (f faked) RemoveHeld(h vfs.Held) error {
	if f.remove != nil {
		if err := f.remove(); err != nil {
			return err
		}
	}
	return f.Files.RemoveHeld(h)
}

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func newAttic(t *testing.T) *attic {
	a := &attic{t: t, top: t.TempDir(), disk: faked{free: 1 << 40, capacity: 1 << 41}}
	for _, dir := range []string{"root", "held"} {
		a.must(os.Mkdir(filepath.Join(a.top, dir), 0o700))
	}
	a.open()
	t.Cleanup(func() { a.must(a.close()) })
	return a
}

func (a *attic) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

func (a *attic) open() {
	a.t.Helper()
	var err error
	a.disk.Files, err = vfs.Open(filepath.Join(a.top, "root"), vfs.Options{Holding: filepath.Join(a.top, "held")})
	a.must(err)
	a.st, err = store.Open(filepath.Join(a.top, "index.db"), store.Options{Share: "toy", Node: 1, Commit: func(stage string) error {
		if a.hook == nil {
			return nil
		}
		return a.hook(stage)
	}})
	a.must(err)
}

func (a *attic) close() error { return errors.Join(a.disk.Close(), a.st.Close()) }

// keep displaces a file of so many bytes, so long before noon.
func (a *attic) keep(p index.Path, bytes int, ago time.Duration) (id uint64) {
	a.t.Helper()
	text := strings.Repeat("x", bytes)
	a.must(a.st.Update(func(tx *store.Tx) (err error) {
		held := fmt.Sprintf("%d-%s", a.serial, p.Leaf())
		a.serial++
		a.must(os.WriteFile(filepath.Join(a.top, "held/kept", held), []byte(text), 0o600))
		id, err = tx.AddKept(index.Kept{Path: p, Reason: index.Removed, By: 2, Time: noon.Add(-ago).UnixNano(), Held: held,
			Entry: &index.Entry{Kind: index.File, Hash: scan.SumBytes([]byte(text)), Size: int64(bytes), Mode: 0o600}})
		return err
	}))
	return id
}

// keepDir displaces an empty directory.
func (a *attic) keepDir(p index.Path, ago time.Duration) (id uint64) {
	a.t.Helper()
	a.must(a.st.Update(func(tx *store.Tx) (err error) {
		id, err = tx.AddKept(index.Kept{Path: p, Reason: index.Removed, Time: noon.Add(-ago).UnixNano(), Entry: &index.Entry{Kind: index.Dir, Mode: 0o755}})
		return err
	}))
	return id
}

func (a *attic) conflict(x index.Conflict) {
	a.t.Helper()
	a.must(a.st.Update(func(tx *store.Tx) error { _, err := tx.AddConflict(x); return err }))
}

func (a *attic) pruner(l Limits) *Pruner {
	return &Pruner{Store: a.st, Files: a.disk, Node: 1, How: index.ByRule, Limits: l}
}

// left returns the numbers of what is still kept, after having checked that
// the holding area has just that.
func (a *attic) left() (ids []uint64) {
	a.t.Helper()
	infos, err := a.disk.ListHeld(vfs.Kept)
	a.must(err)
	names := func(yield func(string) bool) {
		for _, info := range infos {
			if !yield(info.Name) {
				return
			}
		}
	}
	a.must(a.st.View(func(tx *store.Tx) error {
		for err := range store.Check(tx, store.CheckOptions{Held: names}) {
			a.t.Error(err)
		}
		for k, err := range tx.AllKept() {
			if err != nil {
				return err
			}
			ids = append(ids, k.ID)
		}
		return nil
	}))
	return ids
}

func (a *attic) want(what string, ids ...uint64) {
	a.t.Helper()
	if got := a.left(); !slices.Equal(got, ids) {
		a.t.Errorf("%s: kept versions %d are left, want %d", what, got, ids)
	}
}

const day = 24 * time.Hour

func TestByAge(t *testing.T) {
	a := newAttic(t)
	old, dir := a.keep("d/old", 5, 31*day), a.keepDir("d", 31*day)
	young := a.keep("d/young", 5, 29*day)
	loser := a.keep("loser", 5, 31*day)
	tardy := a.keep("tardy", 5, 32*day) // the clock had been set back
	a.conflict(index.Conflict{Path: "loser", Time: 1, Kept: loser, Winner: &index.Entry{Kind: index.Gone}})
	a.conflict(index.Conflict{Path: "theirs", Time: noon.Add(-31 * day).UnixNano(), Winner: &index.Entry{Kind: index.Gone}})
	a.conflict(index.Conflict{Path: "waits", Time: noon.Add(-31 * day).UnixNano()})
	p := a.pruner(Limits{Age: 30 * day})
	if r, err := p.Preview(noon, 99); err != nil || len(r.Pruned) != 4 {
		t.Errorf("preview %+v, %v", r, err)
	}
	a.want("after a preview", old, dir, young, loser, tardy)
	r, err := p.Step(noon)
	if err != nil || len(r.Pruned) != 4 || r.Bytes != 15 || r.More || len(r.Problems) > 0 {
		t.Errorf("report %+v, %v", r, err)
	}
	a.want("after a step", young)
	a.must(a.st.View(func(tx *store.Tx) error {
		for c, err := range tx.Conflicts() {
			if err != nil || c.Path != "waits" {
				t.Errorf("conflict %+v is left, %v", c, err)
			}
		}
		notes := 0
		for e, err := range tx.Events(1) {
			if err == nil && e.What == index.Pruned && e.How == index.ByRule && strings.Contains(e.Note, "older than 30d") {
				notes++
			}
		}
		if notes != 4 {
			t.Errorf("%d events say what was pruned", notes)
		}
		return nil
	}))
	if r, err := p.Step(noon); err != nil || len(r.Pruned) > 0 {
		t.Errorf("a step with nothing to do: %+v, %v", r, err)
	}
}

func TestByVersions(t *testing.T) {
	a := newAttic(t)
	p := a.pruner(Limits{Versions: 2})
	var ids []uint64
	for i := range 5 {
		ids = append(ids, a.keep("page", 5, time.Hour), a.keep(index.Path(fmt.Sprint("once", i)), 5, time.Hour))
	}
	a.conflict(index.Conflict{Path: "page", Time: 1, Kept: ids[2]})
	p.Bound = 1
	for n := range 2 {
		if r, err := p.Step(noon); err != nil || len(r.Pruned) != 1 || !r.More {
			t.Errorf("step %d: %+v, %v", n, r, err)
		}
	}
	a.want("two of five, and the loser of a conflict", ids[1], ids[2], ids[3], ids[5], ids[6], ids[7], ids[8], ids[9])
	a.must(func() error { _, err := p.Step(noon); return err }())
	again := a.keep("page", 5, 0)
	p.Bound = 0
	if r, err := p.Step(noon); err != nil || len(r.Pruned) != 1 {
		t.Errorf("one more version: %+v, %v", r, err)
	}
	a.want("one more version", ids[1], ids[2], ids[3], ids[5], ids[7], ids[8], ids[9], again)
}

func TestBySizeAndFree(t *testing.T) {
	for name, c := range map[string]struct {
		limits Limits
		free   int64
		want   []uint64
	}{
		"size in bytes":     {Limits{Size: Amount{Bytes: 25}}, 0, []uint64{4, 5}},
		"size in percent":   {Limits{Size: Amount{Percent: 1.5}}, 0, []uint64{5}},
		"size suffices":     {Limits{Size: Amount{Bytes: 50}}, 0, []uint64{1, 2, 3, 4, 5}},
		"free":              {Limits{MinFree: Amount{Bytes: 100}}, 85, []uint64{4, 5}},
		"free suffices":     {Limits{MinFree: Amount{Percent: 5}}, 50, []uint64{1, 2, 3, 4, 5}},
		"free by far":       {Limits{MinFree: Amount{Bytes: 999}}, 0, nil},
		"size counts first": {Limits{Size: Amount{Bytes: 25}, MinFree: Amount{Bytes: 100}}, 80, []uint64{4, 5}},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAttic(t)
			a.keep("a", 10, time.Hour)
			a.keepDir("d", time.Hour)
			a.keep("b", 10, time.Hour)
			a.keep("c", 10, time.Hour)
			a.keep("e", 10, time.Hour)
			a.disk.free, a.disk.capacity = c.free, 1000
			r, err := a.pruner(c.limits).Step(noon)
			if err != nil || r.Short != "" {
				t.Errorf("report %+v, %v", r, err)
			}
			a.want(name, c.want...)
		})
	}
}

// What lost a conflict, and what has no bytes, does not help a full disk, and
// stays; the report says that nothing can be done.
func TestShort(t *testing.T) {
	a := newAttic(t)
	loser, dir := a.keep("loser", 10, time.Hour), a.keepDir("d", time.Hour)
	a.conflict(index.Conflict{Path: "loser", Time: 1, Kept: loser})
	a.disk.free, a.disk.capacity = 10, 1000
	r, err := a.pruner(Limits{MinFree: Amount{Percent: 5}}).Step(noon)
	if err != nil || !strings.Contains(r.Short, "min_free (5%)") || len(r.Pruned) > 0 {
		t.Errorf("report %+v, %v", r, err)
	}
	a.want("nothing can go", loser, dir)
}

// A file that is not what its record says is not removed: something else got
// its name.
func TestOtherFileOfThatName(t *testing.T) {
	a := newAttic(t)
	a.keep("a", 10, 31*day)
	name := filepath.Join(a.top, "held/kept/0-a")
	a.must(os.WriteFile(name, []byte("somebody else's"), 0o600))
	a.keep("gone", 10, 31*day)
	a.must(os.Remove(filepath.Join(a.top, "held/kept/1-gone")))
	if r, err := a.pruner(Limits{Age: 30 * day}).Step(noon); err != nil || len(r.Pruned) != 2 {
		t.Errorf("report %+v, %v", r, err)
	}
	if b, err := os.ReadFile(name); err != nil || string(b) != "somebody else's" {
		t.Errorf("%q, %v", b, err)
	}
}

// The process dies at each point of a step in turn. The next start ends what
// was begun, finds nothing that it cannot explain, and has not lost anything.
func TestCrash(t *testing.T) {
	for at := 1; ; at++ {
		a := newAttic(t)
		for i := range 3 {
			a.keep(index.Path(fmt.Sprint("old", i)), 5, 31*day)
		}
		young := a.keep("young", 5, day)
		points := 0
		crash := errors.New("crash")
		stop := func() error {
			if points++; points >= at {
				return crash
			}
			return nil
		}
		a.hook = func(string) error { return stop() }
		a.disk.remove = stop
		_, err := a.pruner(Limits{Age: 30 * day}).Step(noon)
		finished := points < at
		if finished != (err == nil) && points >= at && err == nil {
			t.Fatalf("point %d: no error", at)
		}
		a.hook, a.disk.remove = nil, nil
		a.must(a.close())
		a.open()
		report, err := recovery.Replay(context.Background(), a.st, a.disk, landing.Env{Now: func() time.Time { return noon }, Node: 1})
		if err != nil || report.Found != 0 {
			t.Errorf("point %d: replay %+v, %v", at, report, err)
		}
		if left := a.left(); !slices.Contains(left, young) || len(left) != 1 && len(left) != 4 {
			t.Errorf("point %d: kept versions %d are left", at, left)
		}
		if _, err := a.pruner(Limits{Age: 30 * day}).Step(noon); err != nil {
			t.Errorf("point %d: the next step: %v", at, err)
		}
		a.want(fmt.Sprint("point ", at), young)
		if finished {
			if at < 6 {
				t.Errorf("a step has only %d points", at)
			}
			return
		}
	}
}
