package rig

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Outage is what both sides had when they last agreed, and what each had when
// they met again. It predicts the result from the trees alone, path by path,
// without knowing how Duet works: only what it promises.
type Outage struct {
	Base, A, B Tree
	// TouchedA and TouchedB, if the daemons ran meanwhile, say which paths a
	// hand laid hand on: a daemon at work saw it go and come back, and takes
	// that for a change, though the trees before and after do not show it.
	TouchedA, TouchedB func(path string) bool
}

func touched(by func(string) bool, path string) bool { return by != nil && by(path) }

// want is what may be at a path afterwards.
type want struct {
	one    []Item // one of these; an Item of no kind is nothing
	bytes  bool   // metadata do not matter
	anyDir bool   // a directory with any mode
	kept   []Item // files that lost and must be among the kept versions
	rule   string
}

// predict says what must come of one path, not looking at what is below it.
func (o Outage) predict(path string) want {
	base, a, b := o.Base[path], o.A[path], o.B[path]
	switch {
	case a == b:
		return want{one: []Item{a}, rule: "the same on both sides"}
	case a == base && touched(o.TouchedA, path), b == base && touched(o.TouchedB, path):
		return want{one: []Item{a, b}, bytes: true, rule: "changed and changed back on one side, changed on the other"}
	case a == base:
		return want{one: []Item{b}, rule: "only b changed it"}
	case b == base:
		return want{one: []Item{a}, rule: "only a changed it"}
	case a.Kind == 0:
		return want{one: []Item{b}, rule: "a deleted it, b changed it"}
	case b.Kind == 0:
		return want{one: []Item{a}, rule: "b deleted it, a changed it"}
	case a.Kind == 'd' && b.Kind == 'd':
		return want{anyDir: true, rule: "both changed a directory's mode"}
	case a.Kind == 'd':
		return want{one: []Item{a}, kept: files(base, b), rule: "a directory beats what b put there"}
	case b.Kind == 'd':
		return want{one: []Item{b}, kept: files(base, a), rule: "a directory beats what a put there"}
	case a.SameBytes(b):
		return want{one: []Item{a, b}, bytes: true, rule: "same content, other metadata"}
	case a.Kind != b.Kind && a.Kind == 'f':
		return want{one: []Item{a}, rule: "a file beats a symlink"}
	case a.Kind != b.Kind:
		return want{one: []Item{b}, rule: "a file beats a symlink"}
	case a.Kind == 'l' || a.MTime == b.MTime:
		return want{one: []Item{a, b}, rule: "both changed it"}
	case a.MTime > b.MTime:
		return want{one: []Item{a}, kept: files(base, b), rule: "both changed it, a's is newer"}
	}
	return want{one: []Item{b}, kept: files(base, a), rule: "both changed it, b's is newer"}
}

// files returns loser if it is a file with content that base has not: that
// content nobody gave up knowingly.
func files(base, loser Item) []Item {
	if loser.Kind == 'f' && loser.Size > 0 && !loser.SameBytes(base) {
		return []Item{loser}
	}
	return nil
}

// Check fails t for every path of final that is not as it has to be, and for
// every loser of a conflict that is not among kept, which is by content.
func (o Outage) Check(t testing.TB, final Tree, kept map[[32]byte]bool) {
	t.Helper()
	all := Tree{}
	for _, tree := range []Tree{o.Base, o.A, o.B, final} {
		for path := range tree {
			all[path] = Item{}
		}
	}
	paths := all.Paths()
	slices.Reverse(paths) // whatever is below a directory before the directory itself
	holds := map[string]bool{}
	var wrong []string
	for _, path := range paths {
		w := o.predict(path)
		if holds[path] && !(len(w.one) == 1 && w.one[0].Kind == 'd') {
			for _, item := range w.one {
				w.kept = append(w.kept, files(o.Base[path], item)...)
			}
			w = want{anyDir: true, kept: w.kept, rule: "something below it stays (" + w.rule + ")"}
		}
		if !w.allows(final[path]) {
			wrong = append(wrong, fmt.Sprintf("%q: got %v\n\tbase %v\n\ta %v\n\tb %v\n\trule: %s",
				path, final[path], o.Base[path], o.A[path], o.B[path], w.rule))
		} else if final[path].Kind != 0 {
			holds[filepath.Dir(path)] = true
		}
		for _, loser := range w.kept {
			if !kept[loser.Sum] {
				wrong = append(wrong, fmt.Sprintf("%q: the loser, %v, is not kept (%s)", path, loser, w.rule))
			}
		}
	}
	if len(wrong) > 0 {
		t.Errorf("%d paths came out wrong:\n%s", len(wrong), strings.Join(wrong[:min(8, len(wrong))], "\n"))
	}
}

func (w want) allows(got Item) bool {
	if w.anyDir {
		return got.Kind == 'd'
	}
	for _, item := range w.one {
		if got == item || w.bytes && got.SameBytes(item) {
			return true
		}
	}
	return false
}

// Summary counts what happened, so that a run that tested nothing shows.
func (o Outage) Summary() string {
	all := Tree{}
	for _, tree := range []Tree{o.Base, o.A, o.B} {
		for path := range tree {
			all[path] = Item{}
		}
	}
	var byA, byB, both, deleted int
	for path := range all {
		base, a, b := o.Base[path], o.A[path], o.B[path]
		if a != base {
			byA++
		}
		if b != base {
			byB++
		}
		if a != base && b != base && a != b {
			both++
		}
		if base.Kind != 0 && (a.Kind == 0 || b.Kind == 0) {
			deleted++
		}
	}
	return fmt.Sprintf("of %d paths a changed %d, b %d, both differently %d; %d deleted; %d losers to keep",
		len(all), byA, byB, both, deleted, o.losers())
}

// losers counts the paths of which both sides had a file that the other has
// not.
func (o Outage) losers() int {
	n := 0
	for path := range o.A {
		if len(o.predict(path).kept) > 0 {
			n++
		}
	}
	return n
}

// CheckIndexes runs `duet index check` on both nodes, whether they run or not.
func (p *Pair) CheckIndexes() {
	p.t.Helper()
	for _, n := range p.Nodes() {
		if out, errs, code := n.Duet("index", "check"); code != 0 {
			p.t.Errorf("%s: index check: exit code %d\n%s%s", n.Name, code, out, errs)
		}
	}
}
