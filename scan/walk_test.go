package scan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"duet/scan/vfs"
	"duet/store/index"
)

var siteTree = []string{"cgi/", "cgi/update.cgi=#!", "images/", "images/old/", "images/old/1.png=1", "images/a.png=a", "current->images/old"}

func TestWalk(t *testing.T) {
	tests := []struct {
		name   string
		tree   []string
		change []string
		want   []string
	}{
		{"nothing", siteTree, nil, nil},
		{"an empty tree", nil, nil, nil},
		{"created", nil, siteTree, []string{
			"created cgi=dir 755", "created cgi/update.cgi=#! 644", "created current=->images/old", "created images=dir 755",
			"created images/a.png=a 644", "created images/old=dir 755", "created images/old/1.png=1 644"}},
		{"walk order is not name order", nil, []string{"a/", "a/z=z", "a-b=", "a.b="}, []string{
			"created a=dir 755", "created a/z=z 644", "created a-b= 644", "created a.b= 644"}},
		{"names are bytes", nil, []string{"caf\xe9=x", "new\nline=y", "caf\xc3\xa9/"}, []string{
			"created caf\xc3\xa9=dir 755", "created caf\xe9=x 644", "created new\nline=y 644"}},
		{"changed content", siteTree, []string{"images/a.png=aa"}, []string{"changed images/a.png=aa 644"}},
		{"same content, new mtime", siteTree, []string{"images/a.png@5"}, []string{"touched images/a.png= 644"}},
		{"modes", siteTree, []string{"images/a.png:600", "images/old:700"}, []string{
			"touched images/a.png= 600", "touched images/old=dir 700"}},
		{"special bits are not synced", siteTree, []string{"images/a.png:4644"}, []string{"stamp images/a.png"}},
		{"link", siteTree, []string{"-current", "current->images"}, []string{"changed current=->images"}},
		{"deleted tree", siteTree, []string{"-images"}, []string{
			"deleted images", "deleted images/a.png", "deleted images/old", "deleted images/old/1.png"}},
		{"renamed", siteTree, []string{"images>pictures"}, []string{
			"created pictures=dir 755", "created pictures/a.png=a 644", "created pictures/old=dir 755", "created pictures/old/1.png=1 644",
			"deleted images", "deleted images/a.png", "deleted images/old", "deleted images/old/1.png"}},
		{"directory to link", siteTree, []string{"-images", "images->cgi"}, []string{
			"changed images=->cgi", "deleted images/a.png", "deleted images/old", "deleted images/old/1.png"}},
		{"directory to file", siteTree, []string{"-images/old", "images/old=file"}, []string{
			"changed images/old=file 644", "deleted images/old/1.png"}},
		{"file to directory", siteTree, []string{"-images/a.png", "images/a.png/", "images/a.png/x=x"}, []string{
			"changed images/a.png=dir 755", "created images/a.png/x=x 644"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.tree...)
			w.settledScan()
			w.make(test.change...)
			r := w.settledScan()
			r.want(t, test.want...)
			w.scan().want(t)
			if d := differs(w.live(), w.truth()); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestWalkReadsOnlyWhatDiffers(t *testing.T) {
	w := newWorld(t, "a=12345", "b=123", "d/", "d/c=1")
	if got := w.settledScan().sum; got.Hashed < 9 || got.Files != 3 || got.Dirs != 1 || got.Found != 4 {
		t.Errorf("first scan: %+v", got)
	}
	w.make("b=4567")
	r := w.settledScan()
	if r.sum.Hashed != 4 {
		t.Errorf("read %d bytes again, want those of b only", r.sum.Hashed)
	}
	if got := w.scan().sum; got.Hashed != 0 || got.Found != 0 || got.Files != 3 {
		t.Errorf("nothing changed: %+v", got)
	}
}

// What the filesystem did not store, or this user could not set, is not taken
// for an edit when something else changes.
func TestWalkTakesOverOnlyWhatChanged(t *testing.T) {
	w := newWorld(t, "f=x", "g=x")
	w.settledScan()
	for _, p := range []index.Path{"f", "g"} {
		e := *w.records[p].Ours
		e.ModTime, e.Mode, e.Owner = 123456789, 0o640, "webmgr"
		w.records[p].Ours = &e
	}
	w.scan().want(t)
	w.make("f:600", "g=y")
	w.settledScan()
	f, g := w.records["f"].Ours, w.records["g"].Ours
	if f.ModTime != 123456789 || f.Mode != 0o600 || f.Owner != "webmgr" || f.Origin != self || f.Version != nil {
		t.Errorf("f: %+v", f)
	}
	if g.ModTime == 123456789 || g.Mode != 0o640 || g.Owner != "webmgr" || g.Hash != SumBytes([]byte("y")) {
		t.Errorf("g: %+v", g)
	}
}

func TestWalkOwners(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to change owners")
	}
	w := newWorld(t, "f=x", "d/", "l->f")
	w.facts.SyncOwners = true
	w.settledScan()
	for _, p := range []index.Path{"f", "d", "l"} {
		if e := w.records[p].Ours; e.Owner != "root" || e.Group != "root" {
			t.Errorf("%v: owner %q, group %q", p, e.Owner, e.Group)
		}
	}
	must(t, os.Chown(w.path("f"), 54321, 0))
	must(t, os.Chown(w.path("d"), 0, 54321))
	w.settledScan().want(t, "touched d=dir 755", "touched f= 644")
	if f, d := w.records["f"].Ours, w.records["d"].Ours; f.Owner != "54321" || f.Group != "root" || d.Group != "54321" {
		t.Errorf("f %+v, d %+v", f, d)
	}
	w.facts.SyncOwners = false
	must(t, os.Chown(w.path("f"), 0, 0))
	w.settledScan().want(t, "stamp f")
}

func TestWalkSpecialBits(t *testing.T) {
	w := newWorld(t, "f=x")
	w.facts.SpecialBits = true
	w.settledScan()
	w.make("f:4755")
	w.settledScan().want(t, "touched f= 4755")
}

// A record without a stamp is compared with its entry.
func TestWalkZeroStamp(t *testing.T) {
	w := newWorld(t, "same=x", "other=x", "d/")
	w.settledScan()
	for _, r := range w.records {
		r.Stamp = index.Stamp{}
	}
	e := *w.records["other"].Ours
	e.Hash = SumBytes([]byte("y"))
	w.records["other"].Ours = &e
	w.settledScan().want(t, "stamp d", "changed other=x 644", "stamp same")
}

func TestWalkUnder(t *testing.T) {
	w := newWorld(t, siteTree...)
	w.settledScan()
	w.make("-images/old/1.png", "images/old/2.png=2", "images/a.png=new", "-cgi", "images-2/")
	settle := func(p index.Path) *report {
		for {
			if r := w.walk(p); r.sum.Busy == 0 {
				return r
			}
		}
	}
	settle("images/old").want(t, "created images/old/2.png=2 644", "deleted images/old/1.png")
	settle("images").want(t, "changed images/a.png=new 644", "created images/old/2.png=2 644", "deleted images/old/1.png")
	settle("cgi").want(t, "deleted cgi", "deleted cgi/update.cgi")
	settle("current").want(t)
	settle("current/x").want(t)
	settle("nothing/here").want(t)
}

// Only "does not exist" is evidence of a deletion.
func TestWalkProblems(t *testing.T) {
	tree := []string{"a/", "a/b/", "a/b/c=c", "a/f=f", "z=z"}
	tests := []struct {
		name   string
		files  faulty
		change []string
		want   []string
	}{
		{"unreadable directory", faulty{list: map[index.Path]error{"a/b": syscall.EACCES}},
			[]string{"-a/b/c", "-a/f", "a/b/new=new"}, []string{"deleted a/f", "problem a/b/"}},
		{"failing lstat of a directory", faulty{fail: map[index.Path]error{"a": syscall.EIO}},
			[]string{"-a", "a=file", "-z"}, []string{"deleted z", "problem a/"}},
		{"failing lstat of a file", faulty{fail: map[index.Path]error{"a/f": syscall.EIO}},
			[]string{"-a/b/c"}, []string{"deleted a/b/c", "problem a/f/"}},
		{"mount point over a directory", faulty{mounts: map[index.Path]bool{"a": true}},
			[]string{"-a/b", "-a/f"}, []string{"problem a/"}},
		{"new mount point", faulty{mounts: map[index.Path]bool{"m": true}},
			[]string{"m/", "m/x=x"}, []string{"skipped m"}},
		{"FIFO", faulty{}, []string{"-z", "fifo z", "fifo y"}, []string{"problem z/", "skipped y"}},
		{"FIFO for a directory", faulty{}, []string{"-a", "fifo a"}, []string{"problem a/"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, tree...)
			w.settledScan()
			for _, line := range test.change {
				if name, ok := strings.CutPrefix(line, "fifo "); ok {
					must(t, syscall.Mkfifo(w.path(name), 0o644))
					continue
				}
				w.make(line)
			}
			test.files.Files = w.files
			w.files = &test.files
			w.walk(index.Root).want(t, test.want...)
		})
	}
}

func TestWalkUnreadableFile(t *testing.T) {
	w := newWorld(t, "f=x", "g=x")
	w.settledScan()
	w.make("f=y", "g=y")
	w.files = &faulty{Files: w.files, fail: map[index.Path]error{}, open: func(c vfs.Content) vfs.Content { return badContent{c} }}
	w.walk(index.Root).want(t, "problem f", "problem g")
}

type badContent struct{ vfs.Content }

func (badContent) Read([]byte) (int, error)       { return 0, syscall.EIO }
func (badContent) Writers() (writers, known bool) { return false, true }

// The root that disappeared, or was exchanged, deletes nothing.
func TestWalkRootChanged(t *testing.T) {
	walk := func(w *world) (report, error) {
		var r report
		o := w.options()
		r.into(&o)
		_, err := Walk(context.Background(), o)
		return r, err
	}
	w := newWorld(t, siteTree...)
	w.settledScan()
	w.make("-images", "new=new")
	w.files = &faulty{Files: w.files, opened: index.Identity{Dev: 1, Ino: 1}}
	if r, err := walk(w); !errors.Is(err, ErrRootChanged) || r.has(index.Deleted) {
		t.Errorf("another root: %v, %q", err, r.lines())
	}

	w = newWorld(t, siteTree...)
	w.settledScan()
	must(t, os.RemoveAll(w.root))
	if r, err := walk(w); err == nil || r.has(index.Deleted) {
		t.Errorf("removed root: %v, %q", err, r.lines())
	}
}

func (r *report) has(what index.What) bool {
	for _, f := range r.findings {
		if f.What == what {
			return true
		}
	}
	return false
}

func TestWalkIgnored(t *testing.T) {
	w := newWorld(t, "keep=x", "a.tmp=x", "cache/", "cache/x=x", ".duet/", ".duet/stage=x")
	w.settledScan().want(t, "created a.tmp=x 644", "created cache=dir 755", "created cache/x=x 644", "created keep=x 644")
	w.make("a.tmp=changed", "-cache/x", "cache/y=y", "b.tmp=new", "-keep", "keep=y")
	rules, err := ParseRules([]string{"*.tmp", "/cache/"})
	must(t, err)
	w.facts.Rules = rules
	w.settledScan().want(t, "changed keep=y 644")
	w.make("-cache", "-a.tmp")
	w.settledScan().want(t)
	if got := w.walk("cache").lines(); len(got) > 0 {
		t.Errorf("walk of an ignored directory: %q", got)
	}
}

// A file that changes while it is read is not reported as it was in between.
func TestWalkChangedWhileRead(t *testing.T) {
	w := newWorld(t, "f=1234")
	real := w.files
	w.files = &faulty{Files: real, open: func(c vfs.Content) vfs.Content { return &meddler{Content: c, w: w} }}
	for range 3 {
		r := w.walk(index.Root)
		if r.sum.Busy != 1 || len(r.findings) != 0 || !errors.Is(r.problems[0].Err, ErrBusy) {
			t.Fatalf("%+v: %q", r.sum, r.lines())
		}
	}
	w.files = real
	w.settledScan().want(t, "created f=5678 644")
}

type meddler struct {
	vfs.Content
	w *world
}

func (m *meddler) Writers() (writers, known bool) { return false, true }

func (m *meddler) Read(p []byte) (int, error) {
	n, err := io.ReadFull(m.Content, p[:2])
	m.w.make("f=5678")
	if errors.Is(err, io.EOF) {
		return n, io.EOF
	}
	return n, err
}

func TestWalkOpenWriter(t *testing.T) {
	w := newWorld(t, "f=finished", "g=fini")
	needLeases(t, w)
	g, err := os.OpenFile(w.path("g"), os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	defer g.Close()
	r := w.scan()
	r.want(t, "created f=finished 644", "problem g")
	_, err = g.WriteString("shed")
	must(t, err)
	must(t, g.Close())
	w.scan().want(t, "created g=finished 644")
}

func needLeases(t *testing.T, w *world) {
	t.Helper()
	must(t, os.WriteFile(w.path(".probe"), nil, 0o600))
	c, err := w.files.Open(".probe")
	must(t, err)
	_, known := c.Writers()
	must(t, c.Close())
	must(t, os.Remove(w.path(".probe")))
	if !known {
		t.Skip("no leases on this filesystem")
	}
}

// More paths are missing than a walk remembers one by one.
func TestWalkManyMissing(t *testing.T) {
	w := newWorld(t, "a=a", "m=m", "z=z")
	w.settledScan()
	gone := func(i int) index.Path { return index.Path(fmt.Sprintf("n%06d", i)) }
	const n = 2*maxGraves + 5
	for i := range n {
		w.records[gone(i)] = &index.Record{Path: gone(i), Ours: &index.Entry{Kind: index.File}, Stamp: index.Stamp{Ino: 1}}
	}
	w.sorted = nil
	w.make("-z", "nothing=new")
	r := w.settledScan()
	seen := map[index.Path]int{}
	for _, f := range r.findings {
		if f.What == index.Deleted {
			seen[f.Path]++
		}
	}
	for i := range n {
		if seen[gone(i)] != 1 {
			t.Fatalf("%v: %d tombstones", gone(i), seen[gone(i)])
		}
	}
	if len(seen) != n+1 || seen["z"] != 1 {
		t.Errorf("%d tombstones, want %d", len(seen), n+1)
	}
	r.ordered(t)
}

func TestWalkDeep(t *testing.T) {
	w := newWorld(t)
	dir := strings.Repeat("d/", 3*maxOpen)
	w.make(dir, dir+"leaf=x")
	r := w.settledScan()
	if r.sum.Dirs != 3*maxOpen || r.sum.Files != 1 {
		t.Errorf("%+v", r.sum)
	}
	w.make("-d")
	if r := w.settledScan(); r.sum.Deleted != 3*maxOpen+1 {
		t.Errorf("%+v", r.sum)
	}
}

func TestWalkBatches(t *testing.T) {
	w := newWorld(t)
	for i := range 600 {
		w.make(fmt.Sprintf("f%d=%s", i, strings.Repeat("x", 20000)))
	}
	total := 0
	o := w.options()
	o.Emit = func(fs []Finding, ps []Problem) error {
		content := 0
		for _, f := range fs {
			content += len(f.Content)
		}
		if len(fs) > batchFindings || content > batchContent+SmallContent {
			t.Errorf("a batch of %d findings, %d bytes", len(fs), content)
		}
		total += len(fs) + len(ps)
		return nil
	}
	_, err := Walk(context.Background(), o)
	must(t, err)
	if total != 600 {
		t.Errorf("%d findings and problems", total)
	}
}

// While nobody hears of findings, they are committed together.
func TestWalkApart(t *testing.T) {
	w := newWorld(t)
	for i := range 2 * batchFirst {
		w.make(fmt.Sprintf("f%d=x", i))
	}
	o := w.options()
	o.Apart = true
	batches, total := 0, 0
	o.Emit = func(fs []Finding, ps []Problem) error {
		batches, total = batches+1, total+len(fs)+len(ps)
		return nil
	}
	_, err := Walk(context.Background(), o)
	must(t, err)
	if batches != 1 || total != 2*batchFirst {
		t.Errorf("%d findings and problems in %d batches", total, batches)
	}
}

// A failure of the caller, or its loss of interest, ends the walk.
func TestWalkStops(t *testing.T) {
	w := newWorld(t)
	for i := range 2000 {
		w.make(fmt.Sprintf("f%d=x", i))
	}
	full := errors.New("disk full")
	calls := 0
	o := w.options()
	o.Emit = func([]Finding, []Problem) error { calls++; return full }
	if _, err := Walk(context.Background(), o); !errors.Is(err, full) || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	o.Emit = func([]Finding, []Problem) error { cancel(); return nil }
	if _, err := Walk(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestWalkArms(t *testing.T) {
	w := newWorld(t, "a/", "a/b/", "f=x")
	var armed []index.Path
	o := w.options()
	var r report
	r.into(&o)
	o.Arm = func(p index.Path) error {
		armed = append(armed, p)
		if p == "a" {
			w.make("a/late=x") // seen, because the directory is listed after this
			return ErrWatchLimit
		}
		return nil
	}
	_, err := Walk(context.Background(), o)
	must(t, err)
	if fmt.Sprint(armed) != "[. a a/b]" {
		t.Errorf("armed %v", armed)
	}
	found := false
	for _, line := range r.lines() {
		found = found || strings.Contains(line, "a/late")
	}
	if !found || len(r.problems) == 0 || !errors.Is(r.problems[0].Err, ErrWatchLimit) {
		t.Errorf("%q", r.lines())
	}
}
