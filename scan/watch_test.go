package scan

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"

	"duet/store/index"
)

func startWatch(t *testing.T, w *world, arm ...index.Path) Watcher {
	t.Helper()
	watcher, err := Watch(w.root, w.facts.Rules)
	must(t, err)
	t.Cleanup(func() { must(t, watcher.Close()) })
	for _, p := range arm {
		must(t, watcher.Arm(p))
	}
	return watcher
}

// expect takes events until one satisfies ok.
func expect(t *testing.T, w Watcher, what string, ok func(Event) bool) Event {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		select {
		case e, more := <-w.Events():
			if !more {
				t.Fatalf("no more events, before %s", what)
			}
			if ok(e) {
				return e
			}
		case <-deadline:
			t.Fatalf("no event: %s", what)
		}
	}
}

func at0(p index.Path) func(Event) bool { return func(e Event) bool { return e.Path == p } }

func TestWatch(t *testing.T) {
	w := newWorld(t, "d/", "d/f=f", "d/.stfolder/", ".../")
	watcher := startWatch(t, w, index.Root, "d", "...")
	tests := []struct {
		change string
		want   Event
	}{
		{"new=1", Event{Path: "new", Recursive: true}},
		{"d/f=changed", Event{Path: "d/f"}},
		{"d/f:600", Event{Path: "d/f"}},
		{"d/f>d/g", Event{Path: "d/g", From: "d/f", Recursive: true}},
		{"-d/g", Event{Path: "d/g"}},
		{"caf\xe9\n=x", Event{Path: "caf\xe9\n", Recursive: true}},
		{".../x=x", Event{Path: ".../x", Recursive: true}},
		{"d:700", Event{Path: "d"}},
		{"-d", Event{Path: "d", Dir: true}},
	}
	for _, test := range tests {
		w.make(test.change)
		expect(t, watcher, fmt.Sprintf("%q: %+v", test.change, test.want), func(e Event) bool { return e == test.want })
	}
}

func TestWatchIgnores(t *testing.T) {
	w := newWorld(t)
	watcher := startWatch(t, w, index.Root)
	w.make(".stfolder/", ".x.aB3xYz=temp", "end=1")
	expect(t, watcher, "the end", func(e Event) bool {
		if e.Path == ".stfolder" || e.Path == ".x.aB3xYz" {
			t.Errorf("%+v", e)
		}
		return e.Path == "end"
	})
}

func TestWatchRoot(t *testing.T) {
	for name, do := range map[string]func(*world) error{
		"moved":                  func(w *world) error { return os.Rename(w.root, w.root+"-away") },
		"removed, and held open": func(w *world) error { return os.RemoveAll(w.root) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "d/")
			watcher := startWatch(t, w, index.Root, "d")
			must(t, do(w))
			expect(t, watcher, "the root", func(e Event) bool { return e.Path == index.Root && !e.Overflow })
			for _, name := range armedOf(watcher).WatchList() {
				if name != filepath.Dir(w.root) {
					t.Errorf("%s is still watched", name)
				}
			}
		})
	}
}

func TestWatchDisarm(t *testing.T) {
	w := newWorld(t, "d/", "d/e/", "d/e/f/", "de/")
	watcher := startWatch(t, w, index.Root, "d", "d/e", "d/e/f", "de")
	watcher.Disarm("d")
	w.make("d/e/f/x=x", "d/x=x", "de/x=x")
	expect(t, watcher, "de/x", func(e Event) bool {
		if e.Path.Under("d") {
			t.Errorf("%+v", e)
		}
		return e.Path == "de/x"
	})
	watcher.Disarm("nothing")
	must(t, watcher.Arm("d"))
	w.make("d/y=y")
	expect(t, watcher, "d/y", at0("d/y"))
}

// A directory that was moved, and is armed under its new name before the
// watcher has heard of the move.
func TestWatchMovedBeforeHeard(t *testing.T) {
	w := newWorld(t, "d/", "d/e/", "new/")
	watcher := startWatch(t, w, "d", "d/e") // not the root: nothing tells of the move
	w.make("d>new/d")
	must(t, watcher.Arm("new/d"))
	must(t, watcher.Arm("new/d/e"))
	w.make("new/d/x=x")
	expect(t, watcher, "new/d/x", at0("new/d/x"))
	w.make("new/d/e/y=y")
	expect(t, watcher, "new/d/e/y", at0("new/d/e/y"))
}

func TestWatchArmFails(t *testing.T) {
	w := newWorld(t, "f=f", "l->.")
	watcher := startWatch(t, w)
	for p, want := range map[index.Path]error{"nothing": os.ErrNotExist, "f": syscall.ENOTDIR, "l": syscall.ENOTDIR} {
		if err := watcher.Arm(p); !errors.Is(err, want) {
			t.Errorf("%v: %v", p, err)
		}
	}
	if list := armedOf(watcher).WatchList(); len(list) != 1 {
		t.Errorf("watched: %q", list)
	}
}

func armedOf(w Watcher) *fsnotify.Watcher { return w.(*watcher).inner }

// Events that nobody takes neither block the tree nor pile up.
func TestWatchBurst(t *testing.T) {
	w := newWorld(t, "d/", "e/")
	const most, n = 1000, 3000
	watcher, err := watch(w.root, nil, most)
	must(t, err)
	t.Cleanup(func() { must(t, watcher.Close()) })
	for _, p := range []index.Path{index.Root, "d", "e"} {
		must(t, watcher.Arm(p))
	}
	for i := range n {
		w.make(fmt.Sprintf("d/%d=x", i))
	}
	w.make("e/end=1")
	seen := map[index.Path]bool{}
	whole := func(e Event) bool { return e.Overflow || e.Recursive && (e.Path == "d" || e.Path == index.Root) }
	any := false
	expect(t, watcher, "the end", func(e Event) bool {
		any = any || whole(e)
		seen[e.Path] = true
		return e.Overflow || e.Path == index.Root || e.Path == "e/end" || e.Path == "e" && e.Recursive
	})
	if !any && len(seen) < n {
		t.Errorf("%d of %d paths, and no word that the directory is to be looked at whole", len(seen), n)
	}
}

// When the kernel's queue overflows, everything that was waiting is dropped
// for one event that says so.
func TestWatchOverflow(t *testing.T) {
	w := newWorld(t)
	inner := &fsnotify.Watcher{Events: make(chan fsnotify.Event), Errors: make(chan error)}
	x := &watcher{root: w.root, inner: inner, armed: newArmed(), events: make(chan Event), wake: make(chan struct{}, 1), stop: make(chan struct{})}
	x.ended.Go(x.drainErrors)
	x.ended.Go(func() { x.drain(backlog{max: 10}) })
	for i := range 3 {
		inner.Events <- fsnotify.Event{Name: fmt.Sprintf("%s/%d", w.root, i), Op: fsnotify.Create}
	}
	inner.Errors <- fsnotify.ErrEventOverflow
	expect(t, x, "overflow", func(e Event) bool { return e.Overflow && e.Recursive && e.Path == index.Root })
	inner.Events <- fsnotify.Event{Name: w.root + "/after", Op: fsnotify.Write}
	if e := expect(t, x, "anything", func(Event) bool { return true }); e != (Event{Path: "after"}) {
		t.Errorf("%+v", e)
	}
	close(inner.Errors)
	close(inner.Events)
	x.ended.Wait()
}

// The two halves of a rename come as one event, however late the second one is
// read; one alone comes alone, and before a mark.
func TestWatchRename(t *testing.T) {
	w := newWorld(t)
	inner := &fsnotify.Watcher{Events: make(chan fsnotify.Event), Errors: make(chan error)}
	x := &watcher{root: w.root, inner: inner, armed: newArmed(), events: make(chan Event), wake: make(chan struct{}, 1), stop: make(chan struct{})}
	x.ended.Go(x.drainErrors)
	x.ended.Go(func() { x.drain(backlog{max: 10}) })
	tell := func(op fsnotify.Op, names ...string) {
		for _, name := range names {
			inner.Events <- fsnotify.Event{Name: w.root + "/" + name, Op: op}
		}
	}
	told := func(want ...Event) {
		t.Helper()
		for _, want := range want {
			if e := expect(t, x, fmt.Sprintf("%+v", want), func(Event) bool { return true }); e != want {
				t.Errorf("%+v, want %+v", e, want)
			}
		}
	}
	joined := false
	for try := 0; try < 100 && !joined; try++ { // on a busy machine the second half may well be late
		tell(fsnotify.Rename, "old")
		tell(fsnotify.Create, "new")
		e := expect(t, x, "anything", func(Event) bool { return true })
		if joined = e == (Event{Path: "new", From: "old", Recursive: true}); !joined {
			told(Event{Path: "new", Recursive: true})
		}
	}
	if !joined {
		t.Error("the halves never came as one")
	}
	tell(fsnotify.Rename, "gone")
	told(Event{Path: "gone"})
	tell(fsnotify.Rename, "gone")
	tell(fsnotify.Write, "other")
	told(Event{Path: "gone"}, Event{Path: "other"})
	close(inner.Errors)
	close(inner.Events)
	x.ended.Wait()
}

func TestBacklog(t *testing.T) {
	b := backlog{max: 100}
	b.add(Event{Path: "a"})
	b.add(Event{Path: "b", Dir: true})
	b.add(Event{Path: "a", Recursive: true})
	b.add(Event{Path: "b"})
	var got []Event
	for e, ok := b.front(); ok; e, ok = b.front() {
		got = append(got, e)
		b.drop()
	}
	if fmt.Sprint(got) != fmt.Sprint([]Event{{Path: "a", Recursive: true}, {Path: "b", Dir: true}}) {
		t.Errorf("%v", got)
	}
	b.add(Event{Path: "to", From: "one", Recursive: true})
	b.add(Event{Path: "to", From: "two", Recursive: true})
	b.add(Event{Path: "to"})
	got = nil
	for e, ok := b.front(); ok; e, ok = b.front() {
		got = append(got, e)
		b.drop()
	}
	if fmt.Sprint(got) != fmt.Sprint([]Event{{Path: "to", From: "two", Recursive: true}, {Path: "one"}}) {
		t.Errorf("%v", got)
	}
	for i := range b.max + 1 {
		b.add(Event{Path: index.Path(fmt.Sprintf("d%d/e/%d", i%3, i)), From: index.Path(fmt.Sprintf("d%d/e/%d", (i+1)%3, i))})
	}
	if len(b.byPath) != 3 || len(b.order) != 3 {
		t.Errorf("%d paths of %d directories", len(b.byPath), 3)
	}
	for range 3 {
		e, ok := b.front()
		if !ok || !e.Recursive || e.Path.Leaf() != "e" {
			t.Errorf("%+v", e)
		}
		b.drop()
	}
}

func TestWatchCloses(t *testing.T) {
	w := newWorld(t)
	watcher, err := Watch(w.root, nil)
	must(t, err)
	must(t, watcher.Arm(index.Root))
	w.make("a=1", "b=2") // nobody takes these
	must(t, watcher.Close())
	for range watcher.Events() {
	}
	must(t, watcher.Close())
	if err := watcher.Arm(index.Root); err == nil {
		t.Error("armed after Close")
	}
}
