package scan

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"

	"duet/store/index"
)

// ErrWatchLimit means that the kernel gives this user no more watches. What is
// not watched is found by the next scan.
var ErrWatchLimit = errors.New("no more inotify watches for this user: changes here are found by rescans only; " +
	"raise it with: sysctl fs.inotify.max_user_watches=1048576")

// Event says that something happened at a path; Examine finds out what.
type Event struct {
	Path      index.Path // Root: the root itself was changed, moved or removed
	From      index.Path // not Root: it was renamed from there, look at both at once
	Dir       bool       // known to be, or to have been, a directory; false says nothing
	Recursive bool       // something appeared here: if it is a directory, all of it is new
	Overflow  bool       // events were lost: everything may have changed

	// Mark is not nil if this is no event, but where one asked for it by Mark: all
	// that happened before has been told. Whoever reads events closes it.
	Mark chan struct{}
}

// Watcher says where to look again.
type Watcher interface {
	// Arm watches the names in dir; call it before listing them. Arming twice
	// is harmless. ErrWatchLimit: there are no more watches.
	Arm(dir index.Path) error
	// Disarm stops watching dir and every directory below it.
	Disarm(dir index.Path)
	// Events is closed by Close. Events of one path may arrive as one.
	Events() <-chan Event
	Close() error
}

// watcher is a Watcher on inotify. One goroutine takes what fsnotify says as
// it comes, so that the kernel's queue does not overflow, and hands it on at
// the reader's pace; in between it is coalesced and bounded.
type watcher struct {
	root   string // absolute and clean
	ignore *Rules
	inner  *fsnotify.Watcher
	events chan Event
	wake   chan struct{} // lost was set
	lost   atomic.Bool
	stop   chan struct{}
	once   sync.Once
	ended  sync.WaitGroup

	// mu guards armed, and makes it agree with what fsnotify watches. It is
	// held during system calls, but never while waiting for a channel.
	mu    sync.Mutex
	armed *armed

	marks marks
}

// Watch returns a Watcher of the tree at root, with nothing armed yet.
//
// fsnotify adds watches by name. RACE: a directory above dir may be exchanged
// for a symlink while dir is armed, and something outside is watched. It costs
// a needless look at paths inside, which Files never follows out of the root.
func Watch(root string, ignore *Rules) (Watcher, error) {
	return watch(root, ignore, maxBacklog)
}

func watch(root string, ignore *Rules, most int) (Watcher, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", index.Quote(root), err)
	}
	inner, err := fsnotify.NewWatcher()
	if errors.Is(err, syscall.EMFILE) {
		err = fmt.Errorf("%w; raise it with: sysctl fs.inotify.max_user_instances=1024", err)
	}
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", index.Quote(root), err)
	}
	w := &watcher{root: abs, ignore: ignore, inner: inner, armed: newArmed(),
		events: make(chan Event, 512), wake: make(chan struct{}, 1), stop: make(chan struct{})}
	if abs != "/" {
		// For the root's own removal, which the root does not report while
		// somebody has it open. Without permission, the look at its identity
		// before anything is deleted finds it.
		_ = inner.Add(filepath.Dir(abs))
	}
	w.ended.Go(w.drainErrors)
	w.ended.Go(func() { w.drain(backlog{max: most}) })
	return w, nil
}

func (w *watcher) Events() <-chan Event { return w.events }

func (w *watcher) Close() error {
	w.once.Do(func() { close(w.stop) })
	err := w.inner.Close()
	w.ended.Wait()
	w.marks.close()
	return err
}

func (w *watcher) name(p index.Path) string {
	if p == index.Root {
		return w.root
	}
	return filepath.Join(w.root, string(p))
}

// Arm watches dir. A directory that was moved here is first forgotten where it
// was: fsnotify would go on using the old name for it.
func (w *watcher) Arm(dir index.Path) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	stat := os.Lstat
	if dir == index.Root {
		stat = os.Stat
	}
	info, err := stat(w.name(dir))
	if err != nil {
		return fmt.Errorf("watch %v: %w", dir, err.(*fs.PathError).Err)
	}
	if !info.IsDir() {
		return fmt.Errorf("watch %v: %w", dir, unix.ENOTDIR)
	}
	inode := info.Sys().(*syscall.Stat_t).Ino
	if was, ok := w.armed.at(inode); ok && was != dir {
		w.forget(was)
	}
	if is, ok := w.armed.inode(dir); ok && is != inode {
		w.forget(dir)
	}
	switch err := w.inner.Add(w.name(dir)); {
	case errors.Is(err, unix.ENOSPC):
		return fmt.Errorf("watch %v: %w", dir, ErrWatchLimit)
	case err != nil:
		return fmt.Errorf("watch %v: %w", dir, err)
	}
	w.armed.add(dir, inode)
	return nil
}

// Disarm stops watching dir and everything below it.
func (w *watcher) Disarm(dir index.Path) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forget(dir)
}

// forget reports whether dir was armed. The caller holds mu.
func (w *watcher) forget(dir index.Path) bool {
	_, was := w.armed.inode(dir)
	for _, p := range w.armed.cut(dir) {
		// An error only says that the directory, and so the watch, is gone.
		_ = w.inner.Remove(w.name(p))
	}
	return was
}

// drainErrors is apart from drain because fsnotify may hold its lock while it
// reports an error, and drain may wait for that lock.
func (w *watcher) drainErrors() {
	for range w.inner.Errors {
		// An overflow, or something worse; either way events may be lost.
		w.lost.Store(true)
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// drain takes events from fsnotify and hands them on, through backlog.
func (w *watcher) drain(backlog backlog) {
	defer close(w.events)
	var told []chan struct{} // marks that come next
	var renamed halves
	for {
		if w.lost.Swap(false) {
			backlog.overflow()
		}
		var out chan<- Event
		next, ok := backlog.front()
		if ok {
			out = w.events
		} else if len(told) > 0 {
			out, next = w.events, Event{Mark: told[0]}
		}
		select {
		case ev, ok := <-w.inner.Events:
			if !ok {
				return
			}
			if m := w.marks.at(ev.Name); m != nil {
				renamed.flush(&backlog)
				told = append(told, m)
			} else if e, ok := w.event(ev); ok {
				renamed.take(&backlog, e, ev.Has(fsnotify.Rename))
			} else {
				renamed.flush(&backlog)
			}
		case <-renamed.over():
			renamed.flush(&backlog)
		case <-w.wake:
		case out <- next:
			if next.Mark != nil {
				told = told[1:]
			} else {
				backlog.drop()
			}
		case <-w.stop:
			return
		}
	}
}

// event turns what fsnotify says into an Event of a path; false if it is
// nothing that anybody needs to know.
func (w *watcher) event(ev fsnotify.Event) (Event, bool) {
	appeared := ev.Has(fsnotify.Create)
	left := ev.Has(fsnotify.Remove) || ev.Has(fsnotify.Rename)
	if ev.Name == w.root {
		w.mu.Lock()
		defer w.mu.Unlock()
		if left {
			w.forget(index.Root)
		}
		return Event{Path: index.Root, Dir: true, Recursive: appeared}, true
	}
	p, ok := w.path(ev.Name)
	if !ok {
		return Event{}, false
	}
	e := Event{Path: p, Recursive: appeared}
	if left || appeared {
		w.mu.Lock()
		defer w.mu.Unlock()
		if left {
			// Before anybody can hear of where it went and arm it there.
			e.Dir = w.forget(p)
		}
	}
	if w.ignore.Ignored(p, false) {
		return Event{}, false
	}
	return e, true
}

// path returns the path of a name that fsnotify reports.
func (w *watcher) path(name string) (index.Path, bool) {
	prefix := w.root + "/"
	if w.root == "/" {
		prefix = "/"
	}
	if len(name) <= len(prefix) || name[:len(prefix)] != prefix {
		return "", false // of the directory that holds the root
	}
	p, err := index.ParsePath(name[len(prefix):])
	return p, err == nil
}
