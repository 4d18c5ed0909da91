package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"duet/integration/sim/memfs"
	"duet/replicate"
	"duet/replicate/link"
	"duet/replicate/link/memnet"
	"duet/scan"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// errCrashed is what every door says in a life that is over.
var errCrashed = errors.New("this host has crashed")

// node is one host: its disk outlives the daemon.
type node struct {
	w       *World
	name    string
	peer    string
	id, pid index.NodeID
	disk    *memfs.Disk
	people  hands
	file    string // of the index
	chances *chances
	skew    atomic.Int64 // of its clock, in ns

	crashes map[int]Crash // at which operations

	mu         sync.Mutex
	ops        int // through doors, so far
	opsAtCrash int // of these, before the first crash of either node
	opsInSync  int // of these, until all was in sync
	crashed    int // how many of the crashes have come
	life       *life
	lives      int

	outages []outage // guarded by the ledger
}

// life is one process: from start to stop or crash.
type life struct {
	n       *node
	number  int
	share   *replicate.Share
	conns   chan link.Conn
	dead    atomic.Bool
	once    sync.Once
	died    chan struct{} // crashed or to be stopped
	fallen  chan struct{} // crashed
	ended   time.Time
	how     string        // "power", "kill" or "stop"
	gone    chan struct{} // closed when nothing of it runs any more
	chances *chances
	looked  bool // after the faults: for what no event told of
	random  atomic.Uint64
	line    *memnet.End // guarded by n.mu
}

func (l *life) Conns() <-chan link.Conn { return l.conns }

// end ends a life, unless it is at its end already. It returns at once.
func (l *life) end(how, why string) (first bool) {
	l.once.Do(func() {
		first = true
		l.ended = time.Now()
		if why != "" {
			l.n.w.Trace.say(l.n.name, "*** %s: %s", how, why)
		}
		l.how = how
		if how != "stop" {
			l.dead.Store(true)
			l.fall()
			close(l.fallen)
		}
		close(l.died)
	})
	return first
}

// pass is every door of a life.
func (l *life) pass(op, path string, sort int, lo, hi time.Duration) (lot, error) {
	w := l.n.w
	if l.dead.Load() {
		time.Sleep(time.Nanosecond) // nothing may spin
		return 0, errCrashed
	}
	x := l.chances.draw(op, path)
	l.sleep(x.between(0, lo, hi), sort)
	if l.dead.Load() || l.crash(op, path) {
		return x, errCrashed
	}
	w.counts.ops.Add(1)
	return x, nil
}

// crash counts an operation, and ends this life if it is one of those at which
// the node crashes.
func (l *life) crash(op, path string) bool {
	n := l.n
	n.mu.Lock()
	n.ops++
	c, hit := n.crashes[n.ops]
	if hit {
		n.crashed++
	}
	n.mu.Unlock()
	if hit {
		n.w.crashed.Do(n.w.markCrash)
		l.end(c.how(), fmt.Sprintf("at operation %d, %s %s", c.At, op, path))
	}
	return l.dead.Load()
}

// door is the door to the files.
func (l *life) door(op, path string) error {
	s := &l.n.w.Swarm
	slow := s.Slow
	x, err := l.pass(op, path, files(path), time.Duration(5e3*slow), time.Duration(1e6*slow))
	if err == nil && !l.n.w.calm.Load() && x.hits(1, s.Disk) {
		err = diskError(s, op, x)
		l.n.w.counts.disk.Add(1)
		l.n.w.Trace.fail(l.n.name, op, path, err)
		return err
	}
	l.n.w.Trace.add(l.n.name, op, path, err)
	return err
}

func diskError(s *Swarm, op string, x lot) error {
	switch op {
	case "create", "append", "write", "make directory", "make symlink", "snapshot", "copy", "truncate":
		if s.Full {
			return syscall.ENOSPC
		}
	case "identity":
		return syscall.EIO
	}
	if x.hits(2, 0.5) {
		return syscall.EACCES
	}
	return syscall.EIO
}

func (l *life) commit(stage string) error {
	w := l.n.w
	if stage == "committed" {
		if l.dead.Load() {
			return errCrashed
		}
		_, err := l.pass(stage, "", forCommitted, time.Microsecond, 2*time.Microsecond)
		return err
	}
	x, err := l.pass(stage, "", forCommit, 200*time.Microsecond, 5*time.Millisecond)
	if err == nil && !w.calm.Load() && x.hits(1, w.Swarm.Commit) {
		how := "power"
		if x.hits(2, 0.5) {
			how = "kill"
		}
		if l.end(how, "in a commit") {
			w.counts.commits.Add(1)
			if x.hits(3, 0.5) {
				err = errCrashed // before; else it is committed, and nobody knows
			}
		}
	}
	w.Trace.add(l.n.name, stage, "", err)
	return err
}

func (l *life) fate() memfs.Fate {
	w := l.n.w
	return memfs.Fate{
		Delay: func() time.Duration {
			x := l.chances.draw("event", "")
			d := x.between(0, 10*time.Microsecond, time.Millisecond)
			if late := w.Swarm.Late; late > 0 && !w.calm.Load() && x.hits(1, 0.3) {
				d += x.between(2, time.Millisecond, late)
			}
			return l.n.after(d, forEvents)
		},
		Lose: func(p index.Path) bool {
			if w.calm.Load() || l.dead.Load() || !l.chances.draw("lose", string(p)).hits(0, w.Swarm.Lose) {
				return false
			}
			w.Trace.fail(l.n.name, "lost event", string(p), nil)
			w.counts.lost.Add(1)
			return true
		},
		Most: w.Swarm.Most,
	}
}

// config is the same in every life, but for the doors.
func (n *node) config(l *life) replicate.Config {
	s := n.w.Swarm
	keep, journal, house := s.limits()
	return replicate.Config{
		Name: "s", Path: "/" + n.name, Conflict: s.Conflict, Deletes: s.Deletes, Rescan: s.Rescan, Hashers: 1,
		MaxSettle: 2 * time.Second, Keep: keep, Journal: journal, Housekeeping: house, Verbose: n.w.verbose,
		Delta: int64(s.Delta), Soon: s.Soon, NodeName: n.name, PeerName: n.peer, Node: n.id, Peer: n.pid, File: n.file, Version: "sim",
		Log: slog.New(listener{life: l}),
		Doors: replicate.Doors{
			Files: func() (vfs.Files, error) {
				if err := l.door("open root", ""); err != nil {
					return nil, err
				}
				return n.disk.Open(l.door), nil
			},
			Watch: func(r *scan.Rules) (scan.Watcher, error) {
				return n.disk.Watch(r, l.door, l.fate()), nil
			},
			Commit: l.commit,
			Turn:   l.turn,
			Clock:  n.now,
			Random: func() uint64 {
				return mix(n.w.Seed*0x9e3779b97f4a7c15 + uint64(n.id)<<48 + uint64(l.number)<<24 + l.random.Add(1))
			},
		},
	}
}

// run keeps the node alive until the world is over.
func (n *node) run() {
	for i := 0; ; i++ {
		l := n.start()
		if l == nil {
			return
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- l.share.Run(ctx, l) }()
		over := false
		select {
		case <-l.died:
		case <-n.w.over:
			over = true
			l.end("stop", "the end")
		}
		cancel()
		err := n.await(done)
		n.mu.Lock()
		n.life = nil
		n.mu.Unlock()
		close(l.gone)
		if l.how == "stop" && err != nil {
			n.w.fault("%s: run: %v", n.name, err)
		}
		if over && len(n.w.Faults()) > 0 {
			n.tell(l.share)
		}
		if l.how == "stop" { // a crash may leave work to the next start
			n.check(l.share)
		}
		n.w.ledger.account(n, l.share.View)
		if err := l.share.Close(); err != nil {
			n.w.fault("%s: close: %v", n.name, err)
		}
		if over {
			return
		}
		if l.how == "stop" {
			n.w.counts.stop.Add(1)
		}
		n.rest(l)
		n.forget()
	}
}

// rest is how long a host is down. Taking down what is left of a life takes
// time that depends on which processor was first; so that the next life does
// not, that is rounded away.
func (n *node) rest(l *life) {
	const round = 100 * time.Millisecond
	up := l.ended.Add(n.chances.draw("down", "").between(0, 10*time.Millisecond, n.w.Swarm.Apart+20*time.Millisecond))
	if late := time.Since(up); late > 0 {
		up = up.Add((late/round + 1) * round)
	}
	time.Sleep(time.Until(up))
}

// await waits until a daemon that was told to stop has.
func (n *node) await(done <-chan error) error {
	select {
	case err := <-done:
		return err
	case <-time.After(10 * time.Minute):
		n.w.stuck(n.name + " does not stop")
		return nil
	}
}

// fall is what a crash does to the disk and the connection, in the instant in
// which it happens: nothing that is left of the life has any part in it.
func (l *life) fall() {
	n := l.n
	if l.how == "power" {
		lost := n.disk.Crash(func(k int) int { return n.chances.draw("crash", "").below(0, k) })
		n.w.Trace.say(n.name, "lost %d changes of names, %d contents were not synced", lost.Names, lost.Contents)
		n.w.ledger.fell(n, outage{power: true, lost: lost})
		n.w.counts.power.Add(1)
	} else {
		n.w.ledger.fell(n, outage{lost: memfs.Lost{Loose: n.disk.Loose()}})
		n.disk.Kill()
		n.w.counts.kill.Add(1)
	}
	n.mu.Lock()
	end := l.line
	n.mu.Unlock()
	if end != nil {
		end.Die()
	}
}

// connected notes a life's end of a connection.
func (l *life) connected(end *memnet.End) {
	l.n.mu.Lock()
	l.line = end
	l.n.mu.Unlock()
	if l.dead.Load() {
		end.Die()
	}
}

// newLife has chances of its own: how much the last one did in its last
// instant is no matter for the next.
func (n *node) newLife() *life {
	n.lives++
	return &life{
		n: n, number: n.lives, conns: make(chan link.Conn), died: make(chan struct{}), fallen: make(chan struct{}), gone: make(chan struct{}),
		chances: newChances(n.w.Seed, fmt.Sprintf("%s/%d", n.name, n.lives)),
	}
}

func (n *node) start() *life {
	l := n.newLife()
	for {
		share, err := replicate.Open(n.config(l))
		if err == nil {
			l.share = share
			break
		}
		if !l.dead.Load() {
			n.w.fault("%s: open: %v", n.name, err)
			return nil
		}
		l = n.newLife() // it crashed while it opened the index
	}
	n.w.ledger.account(n, l.share.View) // crashes while it opened
	n.check(l.share)
	n.mu.Lock()
	n.life = l
	n.mu.Unlock()
	n.w.Trace.say(n.name, "starts")
	return l
}

// check holds the index against every invariant.
func (n *node) check(share *replicate.Share) {
	err := share.View(func(tx *store.Tx) error {
		for err := range store.Check(tx, store.CheckOptions{}) {
			n.w.fault("%s: index: %v", n.name, err)
		}
		return nil
	})
	if err != nil {
		n.w.fault("%s: index: %v", n.name, err)
	}
}

// recorded reports whether the index says that x is at a path. While the
// daemon is down nobody can tell: it may have died between an install and its
// commit, and if somebody then replaces what had been placed there, nothing is
// left to prove that it was. That is a conflict, and both are kept.
func (n *node) recorded(path string, x memfs.Thing) (yes bool) {
	l := n.alive()
	if l == nil {
		return false
	}
	err := l.share.View(func(tx *store.Tx) error {
		r, err := tx.Get(index.Path(path))
		yes = err == nil && r != nil && r.Ours.Live() && r.Stamp.ModTime == x.Time && r.Stamp.Mode&0o7777 == x.Mode&0o7777
		return err
	})
	return yes || err != nil
}

func (n *node) alive() *life {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.life == nil || n.life.dead.Load() {
		return nil
	}
	return n.life
}
