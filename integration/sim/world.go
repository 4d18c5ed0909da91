package sim

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"duet/integration/sim/memfs"
	"duet/replicate/link/memnet"
	"duet/replicate/report"
	"duet/store/index"
)

// World is one run.
type World struct {
	Seed  uint64
	Swarm Swarm
	Trace *Trace

	a, b    *node
	chances *chances
	crashed sync.Once
	ledger  *ledger
	silence time.Duration
	verbose bool
	chaos   sync.WaitGroup // users and faults
	over    chan struct{}
	length  Span // until the faults stop

	recorder recorder
	calm     atomic.Bool // the faults have stopped
	counts   counts

	mu     sync.Mutex
	line   *memnet.Line
	apart  time.Time // no connection before
	faults []string  // what is wrong with Duet
}

// Schedule is what people do on the two trees, instead of drawn users.
type Schedule func(w *World)

// Plan is what a run is made of.
type Plan struct {
	Seed     uint64
	Swarm    Swarm
	Schedule Schedule // nil: users and weather at random
	Script   *Script  // if not nil, all that they do
	Crashes  []Crash
	Silence  time.Duration // how long all must be silent at the end; 0: the usual
	Dir      string        // for the index files
	Turns    bool          // see Trace
	Verbose  bool          // the nodes say what they install
}

// Run runs a plan in a bubble of its own, and returns the world as it was at
// the end.
func Run(t *testing.T, p Plan) *World {
	warm()
	w := &World{Seed: p.Seed, Swarm: p.Swarm, Trace: &Trace{Turns: p.Turns}, silence: cmp.Or(p.Silence, silence), verbose: p.Verbose}
	dir, err := os.MkdirTemp(p.Dir, "sim")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	defer w.watchdog()()
	synctest.Test(t, func(t *testing.T) {
		w.Trace.start = time.Now()
		w.over = make(chan struct{})
		w.chances = newChances(w.Seed, "world")
		w.ledger = newLedger(w)
		w.a = w.newNode("a", "b", 1, 2, dir)
		w.b = w.newNode("b", "a", 2, 1, dir)
		for _, c := range p.Crashes {
			w.node(c.Node).crashes[c.At] = c
		}
		w.live(p)
		w.counts.hours = time.Since(w.Trace.start)
	})
	return w
}

// tooLong and tooLongAsleep are how much of a processor a run may use, and how
// long it may take in real time. One that takes more does not let virtual time
// go on: somebody spins, or waits for a lock whose holder waits for time.
const (
	tooLong       = 20 * time.Second
	tooLongAsleep = 5 * time.Minute
)

// watchdog ends the process with a stuck run in it. It counts what the process
// was given of the processors: on a machine that is busy with other things, a run
// may get hardly any, and is not stuck.
func (w *World) watchdog() (stop func()) {
	ended := make(chan struct{})
	tick := time.NewTicker(time.Second)
	began := processorTime()
	go func() {
		defer tick.Stop()
		for range int(tooLongAsleep / time.Second) {
			select {
			case <-tick.C:
			case <-ended:
				return
			}
			if processorTime()-began > tooLong {
				break
			}
		}
		w.stuck("virtual time has stopped")
	}()
	return func() { close(ended) }
}

// processorTime returns what this process has used of the processors so far.
func processorTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err) // never for oneself
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func (w *World) stuck(why string) {
	w.Trace.mu.Lock()
	for _, l := range w.Trace.lines[max(len(w.Trace.lines)-60, 0):] {
		fmt.Fprintln(os.Stderr, l)
	}
	buf := make([]byte, 1<<20)
	os.Stderr.Write(buf[:runtime.Stack(buf, true)])
	panic(fmt.Sprintf("seed %d: %s", w.Seed, why))
}

func (w *World) newNode(name, peer string, id, pid index.NodeID, dir string) *node {
	disk := memfs.New()
	disk.Tick, disk.Leases = w.Swarm.Tick, w.Swarm.Leases
	n := &node{
		w: w, name: name, peer: peer, id: id, pid: pid, disk: disk, crashes: map[int]Crash{},
		file: filepath.Join(dir, name+".db"), chances: newChances(w.Seed, name),
	}
	disk.Clock, disk.Removed = n.now, n.pruned
	n.people = hands{n: n, open: new(int64), People: memfs.People{
		D: disk, Saw: func(before, after []memfs.Thing) { w.ledger.did(n, before, after) },
	}}
	return n
}

func (w *World) node(name string) *node {
	if name == "a" {
		return w.a
	}
	return w.b
}

// live is the whole run.
func (w *World) live(p Plan) {
	var ended sync.WaitGroup
	switch {
	case p.Script != nil:
		w.chaos.Go(func() { w.play(p.Script) })
	case p.Schedule != nil:
		w.chaos.Go(func() { p.Schedule(w) })
	default:
		w.clocks()
		w.users()
		w.weather()
	}
	synctest.Wait() // the clocks are set
	for _, n := range []*node{w.a, w.b} {
		ended.Go(n.run)
	}
	ended.Go(w.network)
	w.chaos.Wait()
	w.length = Span(time.Since(w.Trace.start))
	time.Sleep(time.Millisecond) // what came in the same instant still has its fate
	w.calm.Store(true)
	w.Trace.say("world", "the faults stop")
	w.settle()
	close(w.over)
	ended.Wait()
}

// fault notes that something is wrong.
func (w *World) fault(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.mu.Lock()
	w.faults = append(w.faults, text)
	w.mu.Unlock()
	w.Trace.say("world", "WRONG: %s", text)
}

// Faults returns what went wrong.
func (w *World) Faults() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.faults
}

// sleep returns false when the world ends meanwhile.
func (w *World) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-w.over:
		return false
	}
}

// How long the nodes may take to agree once nothing breaks any more, and how
// long they must be silent then, unless the plan says otherwise.
const (
	patience = 10 * time.Minute
	silence  = 90 * time.Second // more than the longest Rescan
)

// settle waits until the nodes agree, and checks that they do.
func (w *World) settle() {
	deadline := time.Now().Add(patience)
	for !w.quiet() {
		if time.Now().After(deadline) {
			w.fault("not in sync after %v: %s", patience, w.state())
			return
		}
		time.Sleep(time.Second)
	}
	w.Trace.say("world", "in sync")
	for _, n := range []*node{w.a, w.b} {
		n.mu.Lock()
		n.opsInSync = n.ops
		n.mu.Unlock()
	}
	w.sameTrees()
	a, b := w.a.alive(), w.b.alive()
	before := [2]uint64{a.share.Status().Head, b.share.Status().Head}
	trees := fmt.Sprint(w.a.disk.Tree(), w.b.disk.Tree())
	time.Sleep(w.silence / 2)
	said := w.counts.said.Load()
	time.Sleep(w.silence / 2)
	again := a != w.a.alive() || b != w.b.alive() // a plan may have a crash even now
	said = w.counts.said.Load() - said
	pruned := false
	for i, n := range []*node{w.a, w.b} {
		more, went := n.saidSince(before[i])
		if pruned = pruned || went; len(more) > 0 {
			w.fault("%s is not silent: %+v", n.name, more)
		}
	}
	if said > 0 && !again && !pruned {
		w.fault("not silent: %d messages", said)
	}
	if fmt.Sprint(w.a.disk.Tree(), w.b.disk.Tree()) != trees {
		w.fault("not silent: the trees changed")
	}
	w.sameTrees()
	for _, n := range []*node{w.a, w.b} {
		// A partial transfer may stay, for the next time it is wanted; so may a
		// directory that was in the tree for an instant: somebody may be in it.
		left := slices.DeleteFunc(n.disk.Area("stage"), func(x memfs.Thing) bool {
			return strings.HasSuffix(x.Path, ".part") || x.Dir() && strings.HasPrefix(x.Path, "out-")
		})
		if len(left) > 0 && w.Swarm.Disk == 0 {
			w.fault("%s: left in the stage: %q", n.name, memfs.Lines(left))
		}
	}
	w.ledger.settle()
}

// quiet reports whether both nodes say that all is done. On the way it does
// what a person would do: look for what no event told of, and approve.
func (w *World) quiet() bool {
	still := true
	for _, n := range []*node{w.a, w.b} {
		l := n.alive()
		if l == nil {
			still = false
			continue
		}
		st := l.share.Status()
		if !l.looked && st.State != report.Starting && st.State != report.Scanning {
			l.looked = true
			still = false
			l.share.Rescan(w.context())
		}
		if st.State == report.WaitingApproval {
			l.share.Approve(w.context(), "")
		}
		if st.Held > 0 && still {
			still = false
			n.rule([]string{"ours", "theirs", "newest"}[w.chances.draw("rule", "").below(0, 3)])
		}
		still = still && st.InSync() && len(st.Problems) == 0
	}
	return still && len(diffLines(w.a.disk.Tree(), w.b.disk.Tree())) == 0
}

func (w *World) state() string {
	var b strings.Builder
	for _, n := range []*node{w.a, w.b} {
		l := n.alive()
		if l == nil {
			fmt.Fprintf(&b, "\n%s is down", n.name)
			continue
		}
		fmt.Fprintf(&b, "\n%s: %+v", n.name, l.share.Status())
	}
	fmt.Fprintf(&b, "\n%s", strings.Join(diffLines(w.a.disk.Tree(), w.b.disk.Tree()), "\n"))
	return b.String()
}

func (w *World) sameTrees() {
	if d := diffLines(w.a.disk.Tree(), w.b.disk.Tree()); len(d) > 0 {
		w.fault("the trees differ:\n%s", strings.Join(d, "\n"))
	}
}

// diffLines tells two trees apart.
func diffLines(a, b []memfs.Thing) (out []string) {
	in := func(things []memfs.Thing, x memfs.Thing) bool {
		return slices.ContainsFunc(things, func(y memfs.Thing) bool {
			y.Touched = x.Touched // whoever made it
			return x == y
		})
	}
	for _, x := range a {
		if !in(b, x) {
			out = append(out, "only on a: "+x.String())
		}
	}
	for _, x := range b {
		if !in(a, x) {
			out = append(out, "only on b: "+x.String())
		}
	}
	return out
}
