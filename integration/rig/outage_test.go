package rig

import (
	"fmt"
	"strings"
	"testing"
)

// fakeT records whether a check failed.
type fakeT struct {
	testing.TB
	said string
}

func (f *fakeT) Helper() {}
func (f *fakeT) Errorf(format string, args ...any) {
	f.said += fmt.Sprintf(format, args...)
}

func file(content string, mtime int64) Item {
	item := Item{Kind: 'f', Mode: 0o644, Size: int64(len(content)), MTime: mtime}
	copy(item.Sum[:], content)
	return item
}

// The oracle itself: what it must accept, and what it must not.
func TestOutageOracle(t *testing.T) {
	var none Item
	dir, dir700 := Item{Kind: 'd', Mode: 0o755}, Item{Kind: 'd', Mode: 0o700}
	old, newA, newB := file("old", 1), file("new from a", 5), file("new from b", 6)
	touched := file("old", 9)
	for name, c := range map[string]struct {
		base, a, b Item
		good       Item
		bad        []Item
		kept       []Item // without these it must fail
	}{
		"untouched":              {base: old, a: old, b: old, good: old, bad: []Item{none, newA, touched}},
		"created":                {a: newA, good: newA, bad: []Item{none, newB}},
		"deleted":                {base: old, b: old, good: none, bad: []Item{old}},
		"deleted on both":        {base: old, good: none, bad: []Item{old}},
		"delete against change":  {base: old, b: newB, good: newB, bad: []Item{none, old}},
		"delete against touch":   {base: old, a: touched, good: touched, bad: []Item{none, old}},
		"conflict":               {base: old, a: newA, b: newB, good: newB, bad: []Item{none, old, newA}, kept: []Item{newA}},
		"chmod against delete":   {base: dir, a: dir700, good: dir700, bad: []Item{none, dir}},
		"directory against file": {base: old, a: dir, b: newB, good: dir, bad: []Item{newB, none}, kept: []Item{newB}},
		"same on both":           {a: newA, b: newA, good: newA, bad: []Item{none}},
	} {
		t.Run(name, func(t *testing.T) {
			tree := func(item Item) Tree {
				if item == none {
					return Tree{}
				}
				return Tree{"p": item}
			}
			o := Outage{Base: tree(c.base), A: tree(c.a), B: tree(c.b)}
			kept := map[[32]byte]bool{}
			for _, item := range c.kept {
				kept[item.Sum] = true
			}
			verdict := func(final Item, kept map[[32]byte]bool) string {
				f := &fakeT{}
				o.Check(f, tree(final), kept)
				return f.said
			}
			if said := verdict(c.good, kept); said != "" {
				t.Errorf("right result refused: %s", said)
			}
			for _, bad := range c.bad {
				if verdict(bad, kept) == "" {
					t.Errorf("wrong result %v accepted", bad)
				}
			}
			if len(c.kept) > 0 && !strings.Contains(verdict(c.good, nil), "not kept") {
				t.Error("a lost loser was not noticed")
			}
		})
	}
}

// What is created inside a directory that the other side deleted stays, with
// its parents, and nothing else of the directory does.
func TestOutageOracleBelow(t *testing.T) {
	dir, old, young := Item{Kind: 'd', Mode: 0o755}, file("old", 1), file("young", 2)
	o := Outage{
		Base: Tree{"d": dir, "d/old": old},
		A:    Tree{},
		B:    Tree{"d": dir, "d/old": old, "d/young": young},
	}
	good, bad := &fakeT{}, &fakeT{}
	o.Check(good, Tree{"d": dir, "d/young": young}, nil)
	o.Check(bad, Tree{"d": dir, "d/old": old, "d/young": young}, nil)
	if good.said != "" || bad.said == "" {
		t.Errorf("right result: %q, wrong result: %q", good.said, bad.said)
	}
}
