package memfs

import (
	"syscall"
	"time"

	"duet/scan"
	"duet/store/index"
)

// happening is what the kernel tells of a name.
type happening uint8

const (
	modified happening = iota
	appeared
	left
)

// Fate says what becomes of what the kernel has to tell.
type Fate struct {
	// Delay is how long a batch of events is on its way.
	Delay func() time.Duration
	// Lose reports whether an event gets lost.
	Lose func(p index.Path) bool
	// Most is how many events may wait, before all are lost and an overflow is
	// told instead; 0: any number.
	Most int
}

// Watcher is a scan.Watcher on a Disk. As inotify, it watches directories
// themselves, and gives them the names that they had when they were armed.
type Watcher struct {
	d      *Disk
	ignore *scan.Rules
	door   Door
	fate   Fate
	out    chan scan.Event
	wake   chan struct{}
	stop   chan struct{}
	done   chan struct{}

	// guarded by d.mu
	armed    map[*node]index.Path
	queue    []scan.Event
	overflow bool
	closed   bool
}

var _ scan.Watcher = (*Watcher)(nil)

// Watch returns a Watcher with nothing armed yet.
func (d *Disk) Watch(ignore *scan.Rules, door Door, fate Fate) *Watcher {
	w := &Watcher{d: d, ignore: ignore, door: door, fate: fate, armed: map[*node]index.Path{},
		out: make(chan scan.Event, 64), wake: make(chan struct{}, 1),
		stop: make(chan struct{}), done: make(chan struct{})}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.watchers[w] = true
	go w.run()
	return w
}

// Arm watches dir.
func (w *Watcher) Arm(p index.Path) error {
	if err := w.door("arm", string(p)); err != nil {
		return err
	}
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	n := w.d.root
	if p != index.Root {
		s, err := (&Files{d: w.d, root: w.d.root}).spot(p)
		if err != nil {
			return err
		}
		if n, err = s.node(); err != nil {
			return err
		}
	}
	if !n.isDir() {
		return syscall.ENOTDIR
	}
	if was, ok := w.armed[n]; ok && was != p {
		w.forget(was)
	}
	for other, q := range w.armed {
		if q == p && other != n {
			w.forget(p)
			break
		}
	}
	w.armed[n] = p
	return nil
}

// Disarm stops watching dir and all below it.
func (w *Watcher) Disarm(p index.Path) {
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	w.forget(p)
}

// forget reports whether p was armed. (d.mu is held.)
func (w *Watcher) forget(p index.Path) (was bool) {
	for n, q := range w.armed {
		if q == p || q.Under(p) {
			was = was || q == p
			delete(w.armed, n)
		}
	}
	return was
}

// Events returns where events come out.
func (w *Watcher) Events() <-chan scan.Event { return w.out }

// Close ends it.
func (w *Watcher) Close() error {
	w.d.mu.Lock()
	first := !w.closed
	w.closed = true
	delete(w.d.watchers, w)
	w.d.mu.Unlock()
	if first {
		close(w.stop)
	}
	<-w.done
	return nil
}

// tell tells all watchers. (mu is held.)
func (d *Disk) tell(dir *node, name string, what happening, isDir bool) {
	for w := range d.watchers {
		w.hear(dir, name, what)
	}
}

func (w *Watcher) hear(dir *node, name string, what happening) {
	at, ok := w.armed[dir]
	if !ok {
		return
	}
	p, err := at.Join(name)
	if err != nil {
		return
	}
	e := scan.Event{Path: p, Recursive: what == appeared}
	if what == left {
		e.Dir = w.forget(p)
	}
	if w.ignore.Ignored(p, false) || w.overflow {
		return
	}
	if k := len(w.queue); k > 0 && w.queue[k-1] == e {
		return // as the kernel does with the same event twice
	}
	w.queue = append(w.queue, e)
	if w.fate.Most > 0 && len(w.queue) > w.fate.Most {
		w.queue, w.overflow = nil, true
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run hands events on.
func (w *Watcher) run() {
	defer close(w.done)
	defer close(w.out)
	for {
		select {
		case <-w.wake:
		case <-w.stop:
			return
		}
		if w.fate.Delay != nil && !w.sleep(w.fate.Delay()) {
			return
		}
		w.d.mu.Lock()
		batch := w.queue
		if w.overflow {
			batch = []scan.Event{{Overflow: true}}
		}
		w.queue, w.overflow = nil, false
		w.d.mu.Unlock()
		for _, e := range batch {
			if w.stopped() {
				return
			}
			if w.fate.Lose != nil && !e.Overflow && w.fate.Lose(e.Path) {
				continue
			}
			select {
			case w.out <- e:
			case <-w.stop:
				return
			}
		}
	}
}

// sleep returns false if the watcher is closed meanwhile.
func (w *Watcher) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return !w.stopped()
	case <-w.stop:
		return false
	}
}

func (w *Watcher) stopped() bool {
	select {
	case <-w.stop:
		return true
	default:
		return false
	}
}
