package scan

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"duet/scan/vfs"
	"duet/store/index"
)

const self = index.NodeID(7)

// world is a real directory with a toy index that believes every finding.
type world struct {
	t     testing.TB
	root  string
	files vfs.Files
	facts Facts

	mu      sync.Mutex
	records map[index.Path]*index.Record
	sorted  []*index.Record // nil: to be sorted again
	stale   []index.Path    // findings that came too late
}

func newWorld(t testing.TB, lines ...string) *world {
	t.Helper()
	w := &world{t: t, root: filepath.Join(t.TempDir(), "root"), records: map[index.Path]*index.Record{}}
	must(t, os.Mkdir(w.root, 0o755))
	w.files = openTree(t, w.root)
	w.facts = Facts{Owners: vfs.NewOwners(), Node: self}
	w.make(lines...)
	return w
}

func openTree(t testing.TB, root string) *vfs.Tree {
	t.Helper()
	tree, err := vfs.Open(root, vfs.Options{Name: "share"})
	must(t, err)
	t.Cleanup(func() { must(t, tree.Close()) })
	return tree
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) path(name string) string { return filepath.Join(w.root, name) }

// make changes the tree: "d/" is a directory, "f=text" a file, "l->x" a
// symlink, "-p" removes, "a>b" renames, "p:0600" changes the mode, "p@5"
// the mtime to so many seconds.
func (w *world) make(lines ...string) {
	w.t.Helper()
	for _, line := range lines {
		must(w.t, w.change(line))
	}
}

func (w *world) change(line string) error {
	name, rest := line, ""
	if i := strings.IndexAny(line, "=>:@"); i >= 0 {
		name, rest = line[:i], line[i:]
	}
	switch {
	case strings.HasPrefix(line, "-"):
		return os.RemoveAll(w.path(line[1:]))
	case strings.HasSuffix(name, "-") && rest != "" && rest[0] == '>':
		return os.Symlink(rest[1:], w.path(strings.TrimSuffix(name, "-")))
	case rest == "":
		return os.MkdirAll(w.path(name), 0o755)
	case rest[0] == '=':
		return os.WriteFile(w.path(name), []byte(rest[1:]), 0o644)
	case rest[0] == '>':
		return os.Rename(w.path(name), w.path(rest[1:]))
	case rest[0] == ':':
		var mode uint32
		fmt.Sscanf(rest[1:], "%o", &mode)
		return chmod(w.path(name), mode)
	default:
		var at int64
		fmt.Sscanf(rest[1:], "%d", &at)
		return os.Chtimes(w.path(name), time.Time{}, time.Unix(at, 0))
	}
}

func (w *world) get(p index.Path) (*index.Record, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.records[p], nil
}

func (w *world) lookup(from, under index.Path, n int) ([]index.Sealed, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sorted == nil {
		for _, r := range w.records {
			w.sorted = append(w.sorted, r)
		}
		slices.SortFunc(w.sorted, func(a, b *index.Record) int { return a.Path.Compare(b.Path) })
	}
	i, found := slices.BinarySearchFunc(w.sorted, from, func(r *index.Record, p index.Path) int { return r.Path.Compare(p) })
	if found {
		i++
	}
	var out []index.Sealed
	for _, r := range w.sorted[i:] {
		if len(out) == n || !r.Path.Under(under) {
			break
		}
		out = append(out, index.Seal(r))
	}
	return out, nil
}

// apply does what a share does with findings.
func (w *world) apply(findings []Finding) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sorted = nil
	for _, f := range findings {
		r := w.records[f.Path]
		var was index.Stamp
		if r != nil {
			was = r.Stamp
		}
		if was != f.Was {
			w.stale = append(w.stale, f.Path)
			continue
		}
		if r == nil {
			r = &index.Record{Path: f.Path}
		}
		next := *r
		next.Stamp = f.Now
		if f.Entry != nil {
			next.Ours = f.Entry
		}
		w.records[f.Path] = &next
	}
}

// report is one result of a walk or an examination.
type report struct {
	findings []Finding
	problems []Problem
	sum      Summary
	again    []Dirty
}

func (w *world) options() WalkOptions {
	return WalkOptions{Files: w.files, Facts: w.facts, Lookup: w.lookup, Get: w.get, Hashers: 2}
}

func (r *report) into(o *WalkOptions) {
	o.Emit = func(fs []Finding, ps []Problem) error {
		r.findings, r.problems = append(r.findings, fs...), append(r.problems, ps...)
		return nil
	}
}

// walk walks, without changing the index.
func (w *world) walk(under index.Path) *report {
	w.t.Helper()
	r := &report{}
	o := w.options()
	o.Under = under
	r.into(&o)
	var err error
	r.sum, err = Walk(context.Background(), o)
	must(w.t, err)
	return r
}

// scan walks and takes over what was found.
func (w *world) scan() *report {
	w.t.Helper()
	r := w.walk(index.Root)
	w.apply(r.findings)
	return r
}

// settledScan is a scan of a tree that was just made: files may count as being
// written for a moment where open writers cannot be told.
func (w *world) settledScan() *report {
	w.t.Helper()
	all := &report{}
	for {
		r := w.scan()
		all.findings, all.problems = append(all.findings, r.findings...), r.problems
		all.sum = r.sum
		if r.sum.Busy == 0 {
			return all
		}
	}
}

// lines says what was found: one line for each finding, in the order in which
// they came, but files of one directory sorted; then the problems, sorted.
func (r *report) lines() []string {
	var out []string
	for _, f := range r.findings {
		out = append(out, describe(f))
	}
	slices.SortStableFunc(out, func(a, b string) int {
		gone := func(s string) int {
			if strings.HasPrefix(s, "deleted") {
				return 1
			}
			return 0
		}
		if d := gone(a) - gone(b); d != 0 {
			return d
		}
		return index.Path(pathOf(a)).Compare(index.Path(pathOf(b)))
	})
	var problems []string
	for _, p := range r.problems {
		line := "problem " + string(p.Path)
		if p.Subtree {
			line += "/"
		}
		if p.Skipped {
			line = "skipped " + string(p.Path)
		}
		problems = append(problems, line)
	}
	slices.Sort(problems)
	return append(out, problems...)
}

func pathOf(line string) string {
	_, p, _ := strings.Cut(line, " ")
	p, _, _ = strings.Cut(p, "=")
	return p
}

func describe(f Finding) string {
	if f.Entry == nil {
		return "stamp " + string(f.Path)
	}
	s := fmt.Sprintf("%v %s", f.What, string(f.Path))
	switch f.Entry.Kind {
	case index.Dir:
		s += fmt.Sprintf("=dir %o", f.Entry.Mode)
	case index.File:
		s += fmt.Sprintf("=%s %o", f.Content, f.Entry.Mode)
	case index.Symlink:
		s += "=->" + f.Entry.Target
	}
	return s
}

func (r *report) want(t testing.TB, want ...string) {
	t.Helper()
	if got := r.lines(); !slices.Equal(got, want) {
		t.Errorf("got:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	r.ordered(t)
}

// ordered checks what every Emit promises: a directory before what is in it,
// creations before deletions.
func (r *report) ordered(t testing.TB) {
	t.Helper()
	at := map[index.Path]int{}
	for i, f := range r.findings {
		at[f.Path] = i
	}
	deleting := false
	for i, f := range r.findings {
		if j, ok := at[f.Path.Parent()]; ok && j > i && f.What != index.Deleted {
			t.Errorf("%v came before its directory", f.Path)
		}
		if deleting && f.What != index.Deleted {
			t.Errorf("%v came after a deletion", f.Path)
		}
		deleting = deleting || f.What == index.Deleted
	}
}

func chmod(name string, mode uint32) error {
	m := os.FileMode(mode & 0o777)
	if mode&0o4000 != 0 {
		m |= os.ModeSetuid
	}
	return os.Chmod(name, m)
}

// truth is what the index must say of the tree: what a first scan would find.
func (w *world) truth() map[index.Path]*index.Entry {
	w.t.Helper()
	fresh := &world{t: w.t, root: w.root, files: w.files, facts: w.facts, records: map[index.Path]*index.Record{}}
	fresh.settledScan()
	return fresh.live()
}

func (w *world) live() map[index.Path]*index.Entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[index.Path]*index.Entry{}
	for p, r := range w.records {
		if r.Ours.Live() {
			out[p] = r.Ours
		}
	}
	return out
}

// differs returns the first difference between two sets of entries.
func differs(got, want map[index.Path]*index.Entry) string {
	for p, e := range want {
		if !index.Same(got[p], e) {
			return fmt.Sprintf("%v: got %+v, want %+v", p, got[p], e)
		}
	}
	for p := range got {
		if want[p] == nil {
			return fmt.Sprintf("%v: is not there any more", p)
		}
	}
	return ""
}
