package scan

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"duet/scan/vfs"
	"duet/store/index"
)

// live watches a world as a share does: events mark paths, what is due is
// examined, findings are applied.
type live struct {
	*world
	watcher Watcher
	applied chan struct{} // something was, or nothing is left to do
	history map[index.Path][]index.Hash
	dirty   *DirtySet
	stop    context.CancelFunc
	done    chan struct{}
}

func startLive(t testing.TB, w *world, maxSettle time.Duration) *live {
	t.Helper()
	watcher, err := Watch(w.root, w.facts.Rules)
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	l := &live{world: w, watcher: watcher, applied: make(chan struct{}, 1), history: map[index.Path][]index.Hash{},
		dirty: NewDirtySet(5 * time.Millisecond), stop: stop, done: make(chan struct{})}
	o := ExamineOptions{WalkOptions: w.options(), Settle: 5 * time.Millisecond, MaxSettle: maxSettle}
	o.Arm = watcher.Arm
	o.Emit = func(fs []Finding, ps []Problem) error { l.take(fs, ps); return nil }
	_, err = Walk(ctx, o.WalkOptions)
	must(t, err)
	go l.loop(ctx, o)
	t.Cleanup(func() {
		stop()
		<-l.done
		must(t, watcher.Close())
	})
	return l
}

func (l *live) take(findings []Finding, problems []Problem) {
	l.apply(findings)
	l.mu.Lock()
	for _, f := range findings {
		if f.Entry != nil && f.Entry.Kind == index.File {
			l.history[f.Path] = append(l.history[f.Path], f.Entry.Hash)
		}
	}
	l.mu.Unlock()
	for _, f := range findings {
		if f.Snapshot != (vfs.Held{}) {
			_ = l.files.RemoveHeld(f.Snapshot)
		}
	}
	l.nudge()
}

func (l *live) nudge() {
	select {
	case l.applied <- struct{}{}:
	default:
	}
}

func (l *live) loop(ctx context.Context, o ExamineOptions) {
	defer close(l.done)
	timer := time.NewTimer(0)
	for {
		if next, ok := l.dirty.Next(); ok {
			timer.Reset(time.Until(next))
		}
		select {
		case <-ctx.Done():
			return
		case e := <-l.watcher.Events():
			if e.Overflow {
				e.Path = index.Root
			}
			now := time.Now()
			l.dirty.Mark(e.Path, e.Recursive, now)
			if e.From != index.Root {
				l.dirty.Mark(e.From, false, now)
			}
		case <-timer.C:
			due := l.dirty.Due(time.Now(), 1000)
			if len(due) == 0 {
				continue
			}
			again, err := Examine(ctx, o, due)
			if err != nil {
				again = due // the root is being moved, or the test has ended
			}
			l.dirty.Put(again...)
			l.mu.Lock()
			stale := l.stale
			l.stale = nil
			l.mu.Unlock()
			for _, p := range stale {
				l.dirty.Mark(p, false, time.Now())
			}
			l.nudge()
		}
	}
}

// until waits until ok, which is asked again after every change.
func (l *live) until(what string, ok func() bool) {
	l.t.Helper()
	deadline := time.After(time.Minute)
	for !ok() {
		select {
		case <-l.applied:
		case <-deadline:
			l.t.Fatalf("waited in vain until %s", what)
		}
	}
}

func (l *live) untilTrue() {
	l.t.Helper()
	truth := l.truth()
	defer func() {
		if l.t.Failed() {
			l.t.Log(differs(l.live(), truth))
		}
	}()
	l.until("the index is as the tree", func() bool { return differs(l.live(), truth) == "" })
}

func TestLive(t *testing.T) {
	outside := newWorld(t, "in/", "in/deep/", "in/deep/f=f", "in/g=g")
	steps := []struct {
		name string
		do   func(l *live)
	}{
		{"created", func(l *live) { l.make("new=1", "images/b.png=b") }},
		{"nested directories at once", func(l *live) { l.make("x/y/z/", "x/y/z/f=f", "x/y/g=g", "x/y/z/h->..") }},
		{"changed below them", func(l *live) { l.make("x/y/z/f=changed", "x/y/z/new=new", "-x/y/g") }},
		{"moved in", func(l *live) { must(l.t, os.Rename(outside.path("in"), l.path("in"))) }},
		{"changed in what was moved in", func(l *live) { l.make("in/deep/f=changed", "in/deep/h=new", "-in/g") }},
		{"moved within", func(l *live) { l.make("in>images/moved") }},
		{"changed in what was moved within", func(l *live) { l.make("images/moved/deep/f=again", "images/moved/k=k") }},
		{"moved and recreated", func(l *live) { l.make("images>pictures", "images/", "images/deep/", "images/a=a") }},
		{"both changed", func(l *live) { l.make("images/deep/b=b", "pictures/moved/deep/f=third", "pictures/old/1.png=11") }},
		{"swapped", func(l *live) { l.make("images>tmp", "pictures>images", "tmp>pictures") }},
		{"both changed again", func(l *live) { l.make("images/moved/deep/f=fourth", "pictures/deep/b=bb") }},
		{"moved into a new directory", func(l *live) { l.make("fresh/", "pictures>fresh/pictures") }},
		{"changed there", func(l *live) { l.make("fresh/pictures/deep/b=bbb", "fresh/x=x") }},
		{"moved out", func(l *live) { must(l.t, os.Rename(l.path("fresh"), outside.path("fresh"))) }},
		{"changed outside, and inside", func(l *live) { outside.make("fresh/x=outside"); l.make("inside=1") }},
		{"modes", func(l *live) { l.make("inside:600", "images:700", "images/moved:711") }},
		{"directory, link, directory", func(l *live) { l.make("-x", "x->images", "-x", "x/", "x/f=f") }},
		{"changed in it", func(l *live) { l.make("x/f=changed", "x/y/", "x/y/z=z") }},
		{"removed", func(l *live) { l.make("-images", "-x", "-current") }},
	}
	l := startLive(t, newWorld(t, siteTree...), 10*time.Second)
	l.untilTrue()
	for _, step := range steps {
		step.do(l)
		l.untilTrue()
		if t.Failed() {
			t.Fatalf("after %s", step.name)
		}
	}
	l.untilWatched()
}

// untilWatched waits until exactly the directories that are there are watched: one
// that was moved away and back is what the index says before it is watched again.
func (l *live) untilWatched() {
	l.t.Helper()
	w := l.watcher.(*watcher)
	want := []string{w.root, filepath.Dir(w.root)}
	must(l.t, filepath.WalkDir(w.root, func(name string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && name != w.root {
			want = append(want, name)
		}
		return err
	}))
	slices.Sort(want)
	defer func() {
		if l.t.Failed() {
			l.t.Logf("watched are %q\nand not %q", w.inner.WatchList(), want)
		}
	}()
	l.until("the directories are watched", func() bool {
		have := w.inner.WatchList()
		slices.Sort(have)
		return slices.Equal(have, want)
	})
}

// A, B, A within a few milliseconds, by writing and by renaming.
func TestLiveToggles(t *testing.T) {
	l := startLive(t, newWorld(t, "f=A", "r/", "r/1/", "r/1/x=1", "r/2/", "r/2/x=2", "current->r/1"), 10*time.Second)
	for i := range 60 {
		must(t, os.WriteFile(l.path("f"), []byte{"AB"[i%2]}, 0o644))
		must(t, os.Symlink(fmt.Sprintf("r/%d", i%2+1), l.path(".next")))
		must(t, os.Rename(l.path(".next"), l.path("current")))
	}
	l.untilTrue()
}

// Random changes, one on top of another as fast as they come: in the end the
// index is what a first scan would find.
func TestLiveRandom(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			l := startLive(t, newWorld(t, siteTree...), 10*time.Second)
			for range 5 {
				for range 150 {
					_ = l.change(randomChange(r)) // some cannot be done
				}
				l.untilTrue()
			}
			l.untilWatched()
		})
	}
}

func randomChange(r *rand.Rand) string {
	name := func() string {
		parts := make([]string, 1+r.IntN(3))
		for i := range parts {
			parts[i] = string("abcd"[r.IntN(4)])
		}
		return strings.Join(parts, "/")
	}
	switch r.IntN(10) {
	case 0, 1, 2:
		return name() + "/"
	case 3, 4, 5:
		return name() + "=" + fmt.Sprint(r.IntN(1000))
	case 6:
		return name() + "->" + name()
	case 7, 8:
		return name() + ">" + name()
	}
	return "-" + name()
}

// A finished save is noticed when it is closed; one that is not finished is not
// noticed at all.
func TestLiveSlowWriter(t *testing.T) {
	w := newWorld(t, "log=start\n")
	needLeases(t, w)
	l := startLive(t, w, time.Hour) // so that it is the close that is noticed, and nothing else
	l.untilTrue()
	f, err := os.OpenFile(l.path("log"), os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	want := "start\n"
	for i := range 30 {
		record := fmt.Sprintf("record %d of a slow writer\n", i)
		for _, half := range []string{record[:9], record[9:]} {
			_, err := f.WriteString(half)
			must(t, err)
			<-time.After(7 * time.Millisecond) // this is the slow writer
		}
		want += record
	}
	must(t, f.Close())
	hash := SumBytes([]byte(want))
	l.until("the finished file is known", func() bool {
		r, _ := l.get("log")
		return r.Ours.Hash == hash
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.history["log"]); n != 2 {
		t.Errorf("%d states of the file were told, want the first and the last", n)
	}
}

// A writer that never closes is copied after the ceiling.
func TestLiveCeiling(t *testing.T) {
	w := newWorld(t, "log=start\n")
	needLeases(t, w)
	l := startLive(t, w, 200*time.Millisecond)
	l.untilTrue()
	f, err := os.OpenFile(l.path("log"), os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	defer f.Close()
	_, err = f.WriteString("still open\n")
	must(t, err)
	hash := SumBytes([]byte("start\nstill open\n"))
	l.until("the open file was copied", func() bool {
		r, _ := l.get("log")
		return r.Ours.Hash == hash
	})
}

func TestLiveRootMoved(t *testing.T) {
	l := startLive(t, newWorld(t, siteTree...), 10*time.Second)
	l.untilTrue()
	before := len(l.live())
	must(t, os.Rename(l.root, l.root+"-away"))
	must(t, os.RemoveAll(filepath.Join(l.root+"-away", "images")))
	// The watches of the subdirectories still tell; the root's identity keeps
	// that from being believed.
	must(t, os.Mkdir(l.root, 0o755))
	must(t, os.Remove(l.root))
	must(t, os.Rename(l.root+"-away", l.root))
	l.make("images/", "images/back=back")
	l.until("the directory is known", func() bool { r, _ := l.get("images/back"); return r != nil })
	if now := len(l.live()); now > before+1 {
		t.Errorf("%d paths, then %d", before, now)
	}
}
