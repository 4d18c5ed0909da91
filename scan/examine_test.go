package scan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"duet/scan/vfs"
	"duet/store/index"
)

// examine examines paths ("d/": recursively), marked at now, until none has to
// be looked at again for a reason that goes away by itself.
func (w *world) examine(names ...string) *report {
	w.t.Helper()
	var dirty []Dirty
	for _, name := range names {
		p := index.Path(strings.TrimSuffix(name, "/"))
		dirty = append(dirty, Dirty{Path: p, Recursive: string(p) != name, First: time.Now(), Last: time.Now()})
	}
	all := &report{}
	for len(dirty) > 0 {
		r := w.examineOnce(nil, dirty)
		w.apply(r.findings)
		all.findings, all.problems = append(all.findings, r.findings...), append(all.problems, r.problems...)
		dirty = r.again
	}
	return all
}

func (w *world) examineOnce(now func() time.Time, dirty []Dirty) *report {
	w.t.Helper()
	r := &report{}
	o := ExamineOptions{WalkOptions: w.options(), Now: now, Settle: 5 * time.Millisecond, MaxSettle: 10 * time.Second}
	o.Clock = now
	r.into(&o.WalkOptions)
	var err error
	r.again, err = Examine(context.Background(), o, dirty)
	must(w.t, err)
	return r
}

func TestExamine(t *testing.T) {
	tests := []struct {
		name   string
		change []string
		paths  string
		want   []string
	}{
		{"nothing", nil, "images images/a.png current images/ nothing nothing/here", nil},
		{"changed", []string{"images/a.png=aa"}, "images/a.png", []string{"changed images/a.png=aa 644"}},
		{"created", []string{"new=1"}, "new", []string{"created new=1 644"}},
		{"created and gone", []string{"new=1", "-new"}, "new", nil},
		{"deleted", []string{"-images/a.png"}, "images/a.png", []string{"deleted images/a.png"}},
		{"deleted directory, marked once", []string{"-images"}, "images", []string{
			"deleted images", "deleted images/a.png", "deleted images/old", "deleted images/old/1.png"}},
		{"deleted directory, marked everywhere", []string{"-images"}, "images images/a.png images/old/ images/old/1.png", []string{
			"deleted images", "deleted images/a.png", "deleted images/old", "deleted images/old/1.png"}},
		{"only what is marked", []string{"images/a.png=aa", "cgi/update.cgi=new"}, "cgi/update.cgi", []string{"changed cgi/update.cgi=new 644"}},
		{"mode of a directory", []string{"images:700", "images/a.png=aa"}, "images", []string{"touched images=dir 700"}},
		{"new directory is read whole", []string{"d/e/", "d/e/f=f"}, "d", []string{
			"created d=dir 755", "created d/e=dir 755", "created d/e/f=f 644"}},
		{"parents first, though marked later", []string{"d/e/", "d/e/f=f", "d/g=g"}, "d/e/f", []string{
			"created d=dir 755", "created d/e=dir 755", "created d/e/f=f 644"}},
		{"moved-in directory of the same name", []string{"-images", "cgi>images"}, "images/ cgi", []string{
			"stamp images", "created images/update.cgi= 644",
			"deleted cgi", "deleted cgi/update.cgi", "deleted images/a.png", "deleted images/old", "deleted images/old/1.png"}},
		{"another directory, not said to be new", []string{"-images", "cgi>images"}, "images cgi", []string{
			"stamp images", "created images/update.cgi= 644",
			"deleted cgi", "deleted cgi/update.cgi", "deleted images/a.png", "deleted images/old", "deleted images/old/1.png"}},
		{"renamed directory", []string{"images>pictures"}, "images pictures/", []string{
			"created pictures=dir 755", "created pictures/a.png= 644", "created pictures/old=dir 755", "created pictures/old/1.png= 644",
			"deleted images", "deleted images/a.png", "deleted images/old", "deleted images/old/1.png"}},
		{"link", []string{"-current", "current->images"}, "current", []string{"changed current=->images"}},
		{"directory to link", []string{"-images", "images->cgi"}, "images images/a.png", []string{
			"changed images=->cgi", "deleted images/a.png", "deleted images/old", "deleted images/old/1.png"}},
		{"link to directory", []string{"-current", "current/", "current/x=x"}, "current/", []string{
			"changed current=dir 755", "created current/x=x 644"}},
		{"below a link", []string{"-images", "images->cgi"}, "images/update.cgi images/a.png", []string{"deleted images/a.png"}},
		{"root, recursively", []string{"images/a.png=aa", "-cgi", "new=1"}, "/", []string{
			"changed images/a.png=aa 644", "created new=1 644", "deleted cgi", "deleted cgi/update.cgi"}},
		{"covered", []string{"images/a.png=aa", "images/old/2.png=2"}, "images/ images/a.png images/old/2.png", []string{
			"changed images/a.png=aa 644", "created images/old/2.png=2 644"}},
		{"deleted, marked and covered", []string{"-images/a.png", "-images/old"}, "images/ images/a.png images/old/1.png", []string{
			"deleted images/a.png", "deleted images/old", "deleted images/old/1.png"}},
		{"ignored", []string{".duet/", ".duet/x=x", "images/.stfolder/", "x.skip=x", "-current"}, ".duet/ .duet/x images/.stfolder x.skip current",
			[]string{"deleted current"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, siteTree...)
			rules, err := ParseRules([]string{"*.skip"})
			must(t, err)
			w.facts.Rules = rules
			w.settledScan()
			w.make(test.change...)
			w.examine(strings.Fields(test.paths)...).want(t, test.want...)
			w.examine(strings.Fields(test.paths)...).want(t)
			if len(w.stale) > 0 {
				t.Errorf("told twice: %v", w.stale)
			}
		})
	}
}

func TestExamineProblems(t *testing.T) {
	w := newWorld(t, siteTree...)
	w.settledScan()
	must(t, syscall.Mkfifo(w.path("fifo"), 0o600))
	w.make("-cgi/update.cgi")
	must(t, syscall.Mkfifo(w.path("cgi/update.cgi"), 0o600))
	w.files = &faulty{Files: w.files, fail: map[index.Path]error{"images": syscall.EIO}, mounts: map[index.Path]bool{"images/old": true}}
	w.examine("fifo", "cgi/update.cgi", "images/", "images/old").want(t,
		"problem cgi/update.cgi/", "problem images/", "problem images/old/", "skipped fifo")
}

// What is above may keep silent about what is below.
func TestExamineBelowSpecial(t *testing.T) {
	w := newWorld(t, siteTree...)
	w.settledScan()
	w.make("-cgi", "-images/old/1.png")
	must(t, syscall.Mkfifo(w.path("cgi"), 0o600))
	w.files = &faulty{Files: w.files, mounts: map[index.Path]bool{"images/old": true}}
	w.examine("cgi/update.cgi", "images/old/1.png").want(t, "problem cgi/update.cgi/", "problem images/old/1.png/")
}

// Files of one directory are looked for together, by their directory if that is gone;
// what is in its place, or an error, is of all of them.
func TestExamineBeside(t *testing.T) {
	for name, c := range map[string]struct {
		change []string
		fifo   bool
		files  faulty
		want   []string
	}{
		"with their directory":    {change: []string{"-d"}, want: []string{"deleted d/f", "deleted d/g", "deleted d/h"}},
		"without their directory": {change: []string{"-d/f", "-d/h"}, want: []string{"deleted d/f", "deleted d/h"}},
		"a FIFO in its place":     {change: []string{"-d"}, fifo: true, want: []string{"problem d/f/", "problem d/g/", "problem d/h/"}},
		"something is mounted there": {change: []string{"-d/f", "-d/g", "-d/h"}, files: faulty{mounts: map[index.Path]bool{"d": true}},
			want: []string{"problem d/f/", "problem d/g/", "problem d/h/"}},
		"one cannot be looked at": {change: []string{"-d/f", "-d/h"}, files: faulty{fail: map[index.Path]error{"d/f": syscall.EIO}},
			want: []string{"deleted d/h", "problem d/f/"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, append([]string{"d/", "d/f=f", "d/g=g", "d/h=h"}, siteTree...)...)
			w.settledScan()
			w.make(c.change...)
			if c.fifo {
				must(t, syscall.Mkfifo(w.path("d"), 0o600))
			}
			c.files.Files = w.files
			w.files = &c.files
			w.examine("d/f", "d/g", "d/h").want(t, c.want...)
		})
	}
}

// What takes a directory's place is in the index before what was in it is looked
// for: that was missing all the same.
func TestExamineInPlaceOfADirectory(t *testing.T) {
	for name, change := range map[string][]string{
		"link": {"-images", "images->cgi"},
		"file": {"-images", "images=file"},
	} {
		for _, whole := range []bool{false, true} {
			t.Run(fmt.Sprint(name, whole), func(t *testing.T) {
				w := newWorld(t, siteTree...)
				w.settledScan()
				w.make(change...)
				o := ExamineOptions{WalkOptions: w.options(), Settle: time.Millisecond}
				known := make(chan struct{}) // closed when the index has what is there now
				tell := sync.OnceFunc(func() { close(known) })
				o.Emit = func(fs []Finding, _ []Problem) error {
					w.apply(fs)
					if r, _ := w.get("images"); r.Ours.Kind != index.Dir {
						tell()
					}
					return nil
				}
				o.Files = hesitant{w.files, func() { <-known }} // asked before anything is buried
				path := Dirty{Path: "images"}
				if whole {
					path = Dirty{Path: index.Root, Recursive: true}
				}
				_, err := Examine(context.Background(), o, []Dirty{path})
				must(t, err)
				if d := differs(w.live(), w.truth()); d != "" {
					t.Error(d)
				}
			})
		}
	}
}

// An event of a link is always looked into: reading it costs next to nothing.
func TestExamineReadsLinks(t *testing.T) {
	w := newWorld(t, siteTree...)
	w.settledScan()
	e := *w.records["current"].Ours
	e.Target = "another"
	w.records["current"].Ours = &e
	w.examine("current").want(t, "changed current=->images/old")
}

func TestExamineRootChanged(t *testing.T) {
	w := newWorld(t, siteTree...)
	w.settledScan()
	must(t, os.Rename(w.root, w.root+"-away"))
	r := &report{}
	o := ExamineOptions{WalkOptions: w.options()}
	r.into(&o.WalkOptions)
	must(t, os.RemoveAll(filepath.Join(w.root+"-away", "images")))
	dirty := []Dirty{{Path: "images"}, {Path: "current"}}
	again, err := Examine(context.Background(), o, dirty)
	if !errors.Is(err, ErrRootChanged) || r.has(index.Deleted) || len(again) != len(dirty) {
		t.Errorf("%v, %q, again %v", err, r.lines(), again)
	}
	must(t, os.Rename(w.root+"-away", w.root))
}

// counter counts what is read through it.
type counter struct {
	vfs.Content
	read *atomic.Int64
}

func (c counter) Read(p []byte) (int, error) {
	n, err := c.Content.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// What was renamed with its directory is known by its stamp, and a large file that
// was renamed by itself by its inode, unless it has a made-up mtime.
func TestExamineRename(t *testing.T) {
	large := strings.Repeat("x", trustMoved)
	w := newWorld(t, "d/", "d/e/", "d/e/large="+large, "d/small=y", "old="+large, "old@5")
	w.settledScan()
	hash := w.records["d/e/large"].Ours.Hash
	w.make("d>f", "old>new")
	var read atomic.Int64
	w.files = &faulty{Files: w.files, open: func(c vfs.Content) vfs.Content { return counter{c, &read} }}
	r := w.examine("d", "f/", "old", "new")
	if len(r.findings) != 9+1 {
		t.Errorf("%q", r.lines())
	}
	if got := w.records["f/e/large"].Ours; got.Hash != hash || got.Size != trustMoved || read.Load() != trustMoved {
		t.Errorf("read %d bytes; %+v", read.Load(), got)
	}
	if got := w.records["f/small"].Ours; got.Size != 1 || got.Hash != SumBytes([]byte("y")) {
		t.Errorf("%+v", got)
	}
	// Without the old path among the missing there is nothing to go by.
	read.Store(0)
	must(t, os.Link(w.path("f/e/large"), w.path("linked")))
	w.examine("linked")
	if read.Load() != trustMoved {
		t.Errorf("read %d bytes of a new hard link", read.Load())
	}
}

// What was renamed with its directory, and has changed since, is read: even if its
// size and mtime are what they were, its ctime is not.
func TestExamineChangedInRenamed(t *testing.T) {
	w := newWorld(t, "d/", "d/same=yes", "d/other=yes", "d/other@1700000000")
	w.settledScan()
	w.make("d>f", "f/other=no!", "f/other@1700000000")
	w.examine("d", "f/")
	for p, want := range map[index.Path]string{"f/same": "yes", "f/other": "no!"} {
		if got := w.records[p].Ours.Hash; got != SumBytes([]byte(want)) {
			t.Errorf("%v is not %q", p, want)
		}
	}
}

// A file that somebody has open for writing is not reported until they close
// it, and polled meanwhile, ever more slowly.
func TestExamineOpenWriter(t *testing.T) {
	w := newWorld(t, "log=")
	needLeases(t, w)
	w.settledScan()
	log, err := os.OpenFile(w.path("log"), os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	defer log.Close()
	_, err = log.WriteString("half a rec")
	must(t, err)

	dirty := []Dirty{{Path: "log", First: noon, Last: noon}}
	for _, step := range []struct{ now, wait int }{{5, 5}, {10, 5}, {40, 10}, {100, 25}, {300, 50}, {9999, 50}} {
		r := w.examineOnce(func() time.Time { return at(step.now) }, dirty)
		r.want(t)
		if len(r.again) != 1 || r.again[0].First != noon || r.again[0].After != at(step.now+step.wait) {
			t.Fatalf("at %d: again %v", step.now, r.again)
		}
		dirty = r.again
	}
	_, err = log.WriteString("ord\n")
	must(t, err)
	must(t, log.Close())
	w.examine("log").want(t, "changed log=half a record\n 644")
}

// Beyond the ceiling the file goes out as it is, as a copy.
func TestExamineOverdue(t *testing.T) {
	w := newWorld(t, "log=", "same=1")
	needLeases(t, w)
	w.settledScan()
	for _, name := range []string{"log", "same"} {
		f, err := os.OpenFile(w.path(name), os.O_WRONLY|os.O_APPEND, 0)
		must(t, err)
		defer f.Close()
		if name == "log" {
			_, err = f.WriteString("so far")
			must(t, err)
		} else {
			must(t, os.Chtimes(w.path(name), time.Now(), time.Now()))
		}
	}
	began := time.Now().Add(-11 * time.Second)
	r := w.examineOnce(nil, []Dirty{{Path: "log", First: began}, {Path: "same", First: began}})
	r.want(t, "changed log=so far 644", "touched same= 644")
	if len(r.again) > 0 {
		t.Errorf("again %v", r.again)
	}
	for _, f := range r.findings {
		if (f.Snapshot != vfs.Held{}) != (f.Path == "log") {
			t.Errorf("%v: snapshot %v", f.Path, f.Snapshot)
		}
	}
	w.checkSnapshots(1, SumBytes([]byte("so far")))
}

// The copy of a file that was written to only just now: a further write may
// leave the same stamp.
func TestExamineOverdueYoung(t *testing.T) {
	w := newWorld(t, "log=1")
	needLeases(t, w)
	f, err := os.OpenFile(w.path("log"), os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	defer f.Close()
	info, err := w.files.Lstat("log")
	must(t, err)
	now := time.Unix(0, info.Stamp.Ctime+1)
	r := w.examineOnce(func() time.Time { return now }, []Dirty{{Path: "log", First: now.Add(-time.Minute)}})
	if len(r.findings) != 1 || r.findings[0].Now.Ctime != 0 {
		t.Errorf("%q: %+v", r.lines(), r.findings)
	}
}

// checkSnapshots checks that the stage holds n copies, all of them with hash.
func (w *world) checkSnapshots(n int, hash index.Hash) {
	w.t.Helper()
	infos, err := w.files.ListHeld(vfs.Stage)
	must(w.t, err)
	if len(infos) != n {
		w.t.Errorf("%d copies in the stage, want %d", len(infos), n)
	}
	for _, i := range infos {
		c, err := w.files.OpenHeld(vfs.Held{Area: vfs.Stage, Name: i.Name})
		must(w.t, err)
		got, _, err := Sum(c)
		must(w.t, errors.Join(err, c.Close()))
		if got != hash {
			w.t.Errorf("the copy is %v, want %v", got, hash)
		}
	}
}

// restlessFiles is a tree whose files are written to whenever somebody reads them,
// by appending or all over.
type restlessFiles struct {
	vfs.Files
	name      string
	overwrite bool
}

func (f *restlessFiles) Snapshot(index.Path, vfs.Held) (index.Stamp, error) {
	return index.Stamp{}, vfs.ErrChanged
}

func (f *restlessFiles) Open(p index.Path) (vfs.Content, error) {
	c, err := f.Files.Open(p)
	return restlessContent{c, f}, err
}

type restlessContent struct {
	vfs.Content
	f *restlessFiles
}

func (restlessContent) Writers() (writers, known bool) { return true, true }

func (c restlessContent) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.Content.ReadAt(p, off)
	flag := os.O_WRONLY | os.O_APPEND
	if c.f.overwrite {
		flag = os.O_WRONLY | os.O_TRUNC
	}
	w, e := os.OpenFile(c.f.name, flag, 0)
	if e == nil {
		_, e = io.WriteString(w, fmt.Sprintf("more %d\n", time.Now().UnixNano()))
		e = errors.Join(e, w.Close())
	}
	return n, errors.Join(err, e)
}

func TestExamineOverdueLog(t *testing.T) {
	w := newWorld(t, "log=first\n")
	w.settledScan()
	w.make("log=first\nsecond\n")
	real := w.files
	busy := &restlessFiles{Files: real, name: w.path("log")}
	w.files = busy
	dirty := []Dirty{{Path: "log", First: time.Now().Add(-time.Minute)}}
	r := w.examineOnce(nil, dirty)
	r.want(t, "changed log=first\nsecond\n 644")
	w.checkSnapshots(1, SumBytes([]byte("first\nsecond\n")))

	// The stamp must not pass for that of the file as it is now.
	if f := r.findings[0]; f.Now.Ctime != 0 {
		t.Errorf("stamp %+v", f.Now)
	}
	w.apply(r.findings)
	w.files = real
	if r := w.settledScan(); len(r.findings) != 1 || r.findings[0].What != index.Changed {
		t.Errorf("%q", r.lines())
	}

	w.make("log=third\n")
	busy.overwrite = true
	w.files = busy
	r = w.examineOnce(nil, dirty)
	r.want(t, "problem log")
	if len(r.again) != 1 || time.Until(r.again[0].Copy) < 10*time.Second || time.Until(r.again[0].After) > pollMax {
		t.Errorf("again %v", r.again)
	}
	w.checkSnapshots(1, SumBytes([]byte("first\nsecond\n"))) // no other was left behind
}

// Where leases tell nothing, a file must have been left alone for a while.
type blind struct{ vfs.Content }

func (blind) Writers() (writers, known bool) { return false, false }

func TestExamineBlind(t *testing.T) {
	for range 20 {
		w := newWorld(t, "f=x")
		w.files = &faulty{Files: w.files, open: func(c vfs.Content) vfs.Content { return blind{c} }}
		info, err := w.files.Lstat("f")
		must(t, err)
		changed := time.Unix(0, info.Stamp.Ctime)
		look := func(after time.Duration) *report {
			return w.examineOnce(func() time.Time { return changed.Add(after) }, []Dirty{{Path: "f", First: changed, Last: changed}})
		}
		early, late := look(49*time.Millisecond), look(50*time.Millisecond)
		if again, err := w.files.Lstat("f"); err != nil || again.Stamp != info.Stamp {
			continue // the filesystem has written it down with another time meanwhile
		}
		if len(early.findings) != 0 || len(early.again) != 1 {
			t.Errorf("too early: %q", early.lines())
		}
		late.want(t, "created f=x 644")
		return
	}
	t.Error("the file's times never stay as they are")
}

// Two writes within a tick of the kernel's clock can leave the same stamp:
// nothing is read before it is a tick old.
func TestRipen(t *testing.T) {
	if Tick <= 0 || Tick > 20*time.Millisecond {
		t.Fatalf("tick %v", Tick)
	}
	now := noon
	clock := func() time.Time { return now }
	looks := 0
	look := func() (index.Stamp, error) {
		looks++
		now = now.Add(Tick)
		return index.Stamp{Ctime: noon.UnixNano()}, nil
	}
	if s, err := ripen(context.Background(), clock, look); err != nil || looks != 2 || s.Ctime != noon.UnixNano() {
		t.Errorf("%d looks, %v, %v", looks, s, err)
	}
	changing := func() (index.Stamp, error) { return index.Stamp{Ctime: now.UnixNano()}, nil }
	if _, err := ripen(context.Background(), clock, changing); !errors.Is(err, errMoving) {
		t.Errorf("always changing: %v", err)
	}
	future := func() (index.Stamp, error) { return index.Stamp{Ctime: now.Add(time.Hour).UnixNano()}, nil }
	if _, err := ripen(context.Background(), clock, future); err != nil {
		t.Errorf("in the future: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := ripen(ctx, clock, changing); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// A write of the same size right after a look is not missed, though the clock
// that stamps files may not have moved on in between.
func TestExamineSameTick(t *testing.T) {
	w := newWorld(t, "f=0000")
	w.settledScan()
	for i := range 40 {
		want := fmt.Sprintf("%04d", i+1)
		w.make("f=" + want)
		w.examine("f")
		if got := w.records["f"].Ours.Hash; got != SumBytes([]byte(want)) {
			t.Fatalf("write %d was missed", i)
		}
	}
}
