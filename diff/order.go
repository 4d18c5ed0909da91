package diff

import (
	"cmp"
	"slices"

	"duet/store/index"
)

// Step is one change of a tree.
type Step struct {
	Path index.Path
	From index.Path // Move: the source. Place, Swap: own path that has the bytes, to be copied; "" if none
	Verb index.Verb

	Entry *index.Entry // ours once it is done
	Was   *index.Entry // ours before; nil if nothing was known

	Line     string // the line of the decision table
	Conflict bool
	Mine     bool // this node acts; else the peer does
}

// The phases of a plan, in order. Within a phase steps are in walk order, so
// that a directory comes before its contents; in the last two in reverse.
const (
	phaseContents = iota // new directories and files, new contents, moves
	phaseInto            // what was no directory becomes one, then its contents
	phaseLinks           // symlinks, and files that were something else
	phaseRemove          // bottom-up
	phaseClose           // modes of directories, unless they open one, bottom-up
)

// Order puts the steps of one tree in an order in which each can be done, and
// in which a reader sees no name missing that is there before and after.
//
// Contents come first, parents before children; then what changes its type;
// then symlinks, which by now point at something complete; then removals. So
// a release is whole before "current" points at it, and the old one goes last.
// A directory that opens (its owner may write again) does so before its
// contents change, any other change of its mode comes last of all.
//
// A Move stays one only if its target's name is free before and its source's
// name is free afterwards: the source must be shelved by another step of the
// list, which finds nothing left to do in the tree, and be the source of no
// other. Otherwise it becomes a Place or a Swap whose bytes are a copy of
// From: so do chains (a to b, b to c), cycles (a to b, b to a), moves out of a
// directory that is itself exchanged for something else, and directories. The
// caller stages all copies before it does the first step; so no order among
// them matters, and a cycle needs no third name in the tree.
//
// Removals inside a directory that is exchanged for a file or a symlink come
// after the exchange, which takes them along in one instant.
func Order(steps []Step) []Step {
	c := survey(steps)
	settled, at := make([]Step, len(steps)), make([]place, len(steps))
	for i, s := range steps {
		settled[i] = c.settleMove(s)
		at[i] = place{c.phase(settled[i]), i}
	}
	slices.SortFunc(at, func(a, b place) int {
		p, q := settled[a.step].Path, settled[b.step].Path
		if a.phase >= phaseRemove {
			p, q = q, p
		}
		return cmp.Or(cmp.Compare(a.phase, b.phase), p.Compare(q), cmp.Compare(a.step, b.step))
	})
	out := make([]Step, len(steps))
	for i := range at {
		out[i] = settled[at[i].step]
	}
	return out
}

// place is where a step, by its number, comes among the others: steps are large, and
// to move them while they are sorted takes longer than the rest.
type place struct{ phase, step int }

// changes is what the steps as a whole do to the shape of the tree.
type changes struct {
	removed map[index.Path]bool
	into    map[index.Path]bool // becomes a directory, was something else
	outOf   map[index.Path]bool // was a directory, becomes something else
	sources map[index.Path]int  // how many steps take their bytes from there
}

func survey(steps []Step) changes {
	c := changes{
		removed: make(map[index.Path]bool),
		into:    make(map[index.Path]bool),
		outOf:   make(map[index.Path]bool),
		sources: make(map[index.Path]int),
	}
	for _, s := range steps {
		if s.From != index.Root {
			c.sources[s.From]++
		}
		switch {
		case s.Verb == index.Shelve:
			c.removed[s.Path] = true
		case !s.Was.Live() || !s.Entry.Live() || s.Was.Kind == s.Entry.Kind:
		case s.Entry.Kind == index.Dir:
			c.into[s.Path] = true
		case s.Was.Kind == index.Dir:
			c.outOf[s.Path] = true
		}
	}
	return c
}

func (c changes) settleMove(s Step) Step {
	if s.Verb != index.Move {
		return s
	}
	if s.Entry.Kind == index.Dir {
		s.From = index.Root
	}
	switch {
	case s.Was.Live():
		s.Verb = index.Swap
	case s.Entry.Kind == index.Dir, !c.removed[s.From], c.sources[s.From] > 1, below(s.From, c.outOf):
		s.Verb = index.Place
	}
	return s
}

func (c changes) phase(s Step) int {
	switch {
	case s.Verb == index.Shelve:
		return phaseRemove
	case s.Verb == index.SetMeta && s.Entry.Kind == index.Dir && !opens(s):
		return phaseClose
	case s.Verb == index.SetMeta:
		return phaseContents
	case s.Entry.Kind == index.Symlink || s.Entry.Kind == index.File && s.Was.Live() && s.Was.Kind != index.File:
		return phaseLinks
	case c.into[s.Path] || below(s.Path, c.into):
		return phaseInto
	default:
		return phaseContents
	}
}

// opens reports whether s gives a directory's owner back the right to change
// what is in it.
func opens(s Step) bool {
	const change = 0o300
	return s.Was != nil && s.Was.Mode&change != change && s.Entry.Mode&change == change
}

// below reports whether a directory above p is in set.
func below(p index.Path, set map[index.Path]bool) bool {
	if len(set) == 0 {
		return false
	}
	for p != index.Root {
		p = p.Parent()
		if set[p] {
			return true
		}
	}
	return false
}
