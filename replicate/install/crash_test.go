package install

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"testing"

	"duet/recovery"
	"duet/scan/vfs"
	"duet/store/index"
)

var errCrash = errors.New("simulated crash")

// faulty is a door that stops working: from operation number stop on, all fail
// as if the process were dead, or only that one if once is set.
type faulty struct {
	vfs.Files
	*fate
}

type fate struct {
	mu   sync.Mutex // looks may come from several goroutines
	ops  int
	stop int // 0: never
	once bool
	log  []string // what was called, for a failure's message
	// before and after, if set, run around each operation: for races.
	before, after func(op string, p index.Path)
	// noExchange makes a Swap three renames, as vfs does where the
	// filesystem has no exchange.
	noExchange bool
	synced     []index.Path
}

func (f *fate) op(name string, p index.Path) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count(name, p)
}

func (f *fate) count(name string, p index.Path) error {
	f.ops++
	if f.stop != 0 && (f.ops == f.stop || f.ops > f.stop && !f.once) {
		return errCrash
	}
	f.note(name, p)
	return nil
}

// look is op for what changes nothing: to stop before it is to stop before the
// next change.
func (f *fate) look(name string, p index.Path) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stop != 0 && f.ops >= f.stop && !f.once {
		return errCrash
	}
	if f.once {
		return f.count(name, p)
	}
	f.note(name, p)
	return nil
}

func (f *fate) note(name string, p index.Path) {
	f.log = append(f.log, fmt.Sprintf("%s %s", name, p))
	if f.before != nil {
		f.before(name, p)
	}
}

func (f *fate) did(name string, p index.Path, err error) error {
	if err == nil && f.after != nil {
		f.after(name, p)
	}
	return err
}

// commit is the store's hook: a crash right before a commit, or right after it.
func (f *fate) commit(stage string) error { return f.op(stage, "") }

func (f faulty) Lstat(p index.Path) (vfs.Info, error) {
	if err := f.look("lstat", p); err != nil {
		return vfs.Info{}, err
	}
	return f.Files.Lstat(p)
}

func (f faulty) LstatHeld(h vfs.Held) (vfs.Info, error) {
	if err := f.look("lstat held", ""); err != nil {
		return vfs.Info{}, err
	}
	return f.Files.LstatHeld(h)
}

func (f faulty) Open(p index.Path) (vfs.Content, error) {
	if err := f.look("open", p); err != nil {
		return nil, err
	}
	return f.Files.Open(p)
}

func (f faulty) Inside(h vfs.Held) (vfs.Files, error) {
	if err := f.look("inside", ""); err != nil {
		return nil, err
	}
	in, err := f.Files.Inside(h)
	if err != nil {
		return nil, err
	}
	return faulty{in, f.fate}, nil
}

func (f faulty) Snapshot(p index.Path, h vfs.Held) (index.Stamp, error) {
	if err := f.op("snapshot", p); err != nil {
		return index.Stamp{}, err
	}
	return f.Files.Snapshot(p, h)
}

func (f faulty) StageDir(h vfs.Held, m vfs.Meta) (index.Stamp, error) {
	if err := f.op("stage directory", ""); err != nil {
		return index.Stamp{}, err
	}
	return f.Files.StageDir(h, m)
}

func (f faulty) StageLink(h vfs.Held, target string, m vfs.Meta) (index.Stamp, error) {
	if err := f.op("stage link", ""); err != nil {
		return index.Stamp{}, err
	}
	return f.Files.StageLink(h, target, m)
}

func (f faulty) RenameHeld(from, to vfs.Held) error {
	if err := f.op("rename held", ""); err != nil {
		return err
	}
	return f.Files.RenameHeld(from, to)
}

func (f faulty) RemoveHeld(h vfs.Held) error {
	if err := f.op("remove held", ""); err != nil {
		return err
	}
	return f.Files.RemoveHeld(h)
}

func (f faulty) RmdirHeld(h vfs.Held) error {
	if err := f.op("remove held directory", ""); err != nil {
		return err
	}
	return f.Files.RmdirHeld(h)
}

func (f faulty) Place(h vfs.Held, p index.Path) error {
	if err := f.op("place", p); err != nil {
		return err
	}
	return f.did("place", p, f.Files.Place(h, p))
}

func (f faulty) Swap(h vfs.Held, p index.Path) error {
	if f.noExchange {
		return f.trade(h, p)
	}
	if err := f.op("swap", p); err != nil {
		return err
	}
	return f.did("swap", p, f.Files.Swap(h, p))
}

func (f faulty) trade(h vfs.Held, p index.Path) error {
	out := vfs.Held{Area: vfs.Stage, Name: h.Name + ".out"}
	if err := f.Shelve(p, out); err != nil {
		return err
	}
	if err := f.Place(h, p); err != nil {
		return errors.Join(err, f.Place(out, p))
	}
	return f.RenameHeld(out, h)
}

func (f faulty) Move(from, to index.Path) error {
	if err := f.op("move", from); err != nil {
		return err
	}
	return f.did("move", from, f.Files.Move(from, to))
}

func (f faulty) Shelve(p index.Path, h vfs.Held) error {
	if err := f.op("shelve", p); err != nil {
		return err
	}
	return f.did("shelve", p, f.Files.Shelve(p, h))
}

func (f faulty) SetMeta(p index.Path, m vfs.Meta, expect index.Stamp) (index.Stamp, error) {
	if err := f.op("set metadata", p); err != nil {
		return index.Stamp{}, err
	}
	stamp, err := f.Files.SetMeta(p, m, expect)
	return stamp, f.did("set metadata", p, err)
}

func (f faulty) Rmdir(p index.Path) error {
	if err := f.op("rmdir", p); err != nil {
		return err
	}
	return f.did("rmdir", p, f.Files.Rmdir(p))
}

func (f faulty) SyncDirs(dirs []index.Path) error {
	if err := f.op("sync", ""); err != nil {
		return err
	}
	f.synced = append(f.synced, dirs...)
	return f.Files.SyncDirs(dirs)
}

func (f faulty) SyncSeen(seen []vfs.Seen) []error {
	if err := f.op("sync seen", seen[0].Path); err != nil {
		errs := make([]error, len(seen))
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	return f.Files.SyncSeen(seen)
}

// fated lets fate into the world until the next reboot.
func (w *world) fated(f *fate) {
	w.files = faulty{w.files, f}
	w.hook = f.commit
}

// begin makes a world of s with its content staged.
func begin(t *testing.T, top string, s scenario) (*world, []Job) {
	w := newWorld(t, top)
	w.nest = s.nest
	w.seed(s.have)
	w.hear(s.want)
	return w, w.jobs(s.want, s.moves)
}

// afterCrash is what must hold once Replay ran, and must lead to. exact: nothing
// but what the scenario says is kept.
func (w *world) afterCrash(s scenario, exact bool) {
	w.tb.Helper()
	w.leftOpen()
	w.check(true)
	texts := w.texts()
	for p, x := range s.have {
		if x.kind == index.File && !texts[x.text] {
			w.tb.Errorf("what was at %s is in the tree no more, nor kept", p)
		}
	}
	for _, o := range w.batch(w.jobs(s.want, s.moves)) {
		if !o.Done {
			w.tb.Errorf("once more: outcome %+v", o)
		}
	}
	sameTree(w.tb, w.onDisk(), s.want)
	w.replay() // of nothing
	w.check(true)
	w.settled()
	for _, k := range w.kept() {
		if exact && len(s.kept) > 0 && !contains(s.kept, k) {
			w.tb.Errorf("kept %q, want only %q", k, s.kept)
		}
	}
}

func contains(all []string, s string) bool {
	for _, x := range all {
		if x == s {
			return true
		}
	}
	return false
}

// TestCrash stops the world before every single change that a scenario makes.
func TestCrash(t *testing.T) {
	for _, s := range append(scenarios, mixed()) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			step := 1 + len(s.have)/10 // of a long batch not every single one
			for n := 1; ; n += step {
				if !crashAt(t, s, &fate{stop: n}) {
					break
				}
				if t.Failed() {
					t.Fatalf("stopped before operation %d", n)
				}
			}
		})
	}
}

// TestCrashNoExchange is TestCrash where a swap is three renames.
func TestCrashNoExchange(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for n := 1; crashAt(t, s, &fate{stop: n, noExchange: true}); n++ {
				if t.Failed() {
					t.Fatalf("stopped before operation %d", n)
				}
			}
		})
	}
}

// crashAt reports whether there was an operation number fate.stop.
func crashAt(t *testing.T, s scenario, f *fate) bool {
	top := scratch(t)
	defer removeAll(top)
	w, jobs := begin(t, top, s)
	defer w.close()
	w.fated(f)
	_, err := Batch(context.Background(), w.st, w.files, w.env(), jobs)
	if f.ops < f.stop {
		if err != nil {
			t.Error(err)
		}
		return false
	}
	w.reboot()
	w.replay()
	w.afterCrash(s, true)
	if t.Failed() {
		t.Logf("before the crash: %q", f.log)
	}
	return true
}

// TestCrashTwice stops a batch at every operation, and the replay after it at
// every third one of its own.
func TestCrashTwice(t *testing.T) {
	for _, s := range scenarios {
		if len(s.moves) > 0 && s.name != "move" {
			continue // copies, which replay as places and swaps do
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for n := 1; ; n++ {
				for m := 1 + n%3; ; m += 3 {
					first, second := crashTwice(t, s, n, m)
					if !first {
						return
					}
					if t.Failed() {
						t.Fatalf("stopped before operation %d, and the replay before %d", n, m)
					}
					if !second {
						break
					}
				}
			}
		})
	}
}

func crashTwice(t *testing.T, s scenario, n, m int) (first, second bool) {
	top := scratch(t)
	defer removeAll(top)
	w, jobs := begin(t, top, s)
	defer w.close()
	f := &fate{stop: n}
	w.fated(f)
	_, _ = Batch(context.Background(), w.st, w.files, w.env(), jobs)
	if f.ops < n {
		return false, false
	}
	w.reboot()
	g := &fate{stop: m}
	w.fated(g)
	_, _ = recovery.Replay(context.Background(), w.st, w.files, w.env().Env)
	if g.ops < m {
		return true, false
	}
	w.reboot()
	w.replay()
	w.afterCrash(s, true)
	if t.Failed() {
		t.Logf("before the first crash: %q\nbefore the second: %q", f.log, g.log)
	}
	return true, true
}

// TestFault lets every single operation fail once, with the process alive: a
// path that cannot be done now is done later, and the others go on.
func TestFault(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for n := 1; faultAt(t, s, n); n++ {
				if t.Failed() {
					t.Fatalf("operation %d failed", n)
				}
			}
		})
	}
}

func faultAt(t *testing.T, s scenario, n int) bool {
	top := scratch(t)
	defer removeAll(top)
	w, jobs := begin(t, top, s)
	defer w.close()
	real := w.files
	f := &fate{stop: n, once: true}
	w.fated(f)
	out, err := Batch(context.Background(), w.st, w.files, w.env(), jobs)
	w.files, w.hook = real, nil
	if err != nil || !allDone(out) {
		w.replay()
	}
	w.leftOpen()
	w.rescan()
	w.afterCrash(s, false)
	if t.Failed() {
		t.Logf("error %v, outcomes %+v, calls %q", err, out, f.log)
	}
	return f.ops >= n
}

func allDone(out []Outcome) bool {
	for _, o := range out {
		if !o.Done {
			return false
		}
	}
	return len(out) > 0
}
