package sim

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"duet/integration/sim/memfs"
)

// ledger accounts for every content that a user ever wrote: at the end each is
// in the tree, or was overwritten or deleted by a user who had it in front of
// him, or is kept on one of the nodes.
//
// It also knows who knew what: an edit of what a user had in front of him
// supersedes it, and what is superseded never comes back.
type ledger struct {
	w     *World
	mu    sync.Mutex
	wrote map[string]string // content -> who wrote it where
	by    map[string]string // content -> the node on which it was written, or brought back after it was ended
	order []string
	ended map[string]bool // a user ended it
	gone  map[string]bool // a kept version of it has had its time
	paths map[string][]*edit
	ruled []string // paths on which a person has ruled; "" is all of them
	edits int
}

// edit is one change by a user of one path that is no directory.
type edit struct {
	n     int
	node  string
	at    int64          // ns since 1970
	is    *memfs.Thing   // what the path is afterwards; nil: nothing
	state string         // the same in words
	knew  map[*edit]bool // what it was made in knowledge of
}

const gone = "gone"

func newLedger(w *World) *ledger {
	return &ledger{
		w: w, wrote: map[string]string{}, by: map[string]string{}, ended: map[string]bool{}, gone: map[string]bool{},
		paths: map[string][]*edit{},
	}
}

// worth is what of a thing must not be lost; "" if it is nothing.
func worth(x memfs.Thing) string {
	switch {
	case x.Link():
		return "link to " + x.Target
	case x.File() && x.Data != "":
		return x.Data
	}
	return ""
}

// state tells one version of a path from others: hardly two have the same time.
func state(x memfs.Thing) string {
	return fmt.Sprintf("%o %d %s", x.Mode, x.Time, short(worth(x)))
}

// did takes note of what a user did.
func (l *ledger) did(n *node, before, after []memfs.Thing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	was, is := byPath(before), byPath(after)
	for _, x := range before {
		if c := worth(x); worth(is[x.Path]) != c && !l.has(n, after, c) {
			l.ended[c] = true
		}
		if _, still := is[x.Path]; !x.Dir() && !still {
			l.edit(n, x.Path, &x, nil)
		}
	}
	for _, x := range after {
		y, there := was[x.Path]
		// What the daemon had put there is not what somebody puts in its place,
		// even if it looks the same.
		if x.Dir() || there && state(y) == state(x) && (y.Touched || !x.Touched) {
			continue
		}
		if !there {
			l.edit(n, x.Path, nil, &x)
		} else {
			l.edit(n, x.Path, &y, &x)
		}
		l.write(n, worth(x), n.name+" at "+x.Path)
	}
}

// has reports whether a content is still in the tree of a node, as somebody
// there made it or the index has it: an install that is not written down may be
// undone (see known).
func (l *ledger) has(n *node, things []memfs.Thing, c string) bool {
	return slices.ContainsFunc(things, func(x memfs.Thing) bool {
		return worth(x) == c && (x.Touched || n.recorded(x.Path, x))
	})
}

// write notes that a content is in the tree.
func (l *ledger) write(n *node, c, where string) {
	if c == "" {
		return
	}
	if l.wrote[c] == "" {
		l.order = append(l.order, c)
	}
	if l.wrote[c] == "" || l.ended[c] { // what was ended is nobody's: whoever brings it back has it
		l.wrote[c], l.by[c] = where, n.name
	}
	delete(l.ended, c)
}

// prune takes note of a kept version that came to its end.
func (l *ledger) prune(c string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone[c] = true
}

// byPath has no directories: who changes what kind of thing a path is knows
// that there was a directory, and what was in it are paths of their own.
func byPath(things []memfs.Thing) map[string]memfs.Thing {
	out := map[string]memfs.Thing{}
	for _, x := range things {
		if !x.Dir() {
			out[x.Path] = x
		}
	}
	return out
}

// edit notes one edit. Where nothing was seen, nothing is known: the path may
// have been deleted, or not have come yet.
func (l *ledger) edit(n *node, path string, was, is *memfs.Thing) *edit {
	e := &edit{n: l.edits, node: n.name, at: time.Now().UnixNano(), is: is, state: gone}
	l.edits++
	if is != nil {
		e.state = state(*is)
	}
	if was != nil {
		e.knew = l.known(n, path, *was)
	}
	l.paths[path] = append(l.paths[path], e)
	return e
}

// known is what whoever saw a state of a path knows for certain. What the
// peer's users made counts only if the daemon has written down that it is here:
// an install may be undone in the instant in which somebody sees it.
func (l *ledger) known(n *node, path string, x memfs.Thing) map[*edit]bool {
	var out map[*edit]bool
	foreign := !n.recorded(path, x)
	for _, e := range l.paths[path] {
		if e.state != state(x) {
			continue
		}
		if foreign && e.node != n.name {
			return nil
		}
		if out == nil {
			out = map[*edit]bool{e: true}
			for k := range e.knew {
				out[k] = true
			}
			continue
		}
		for k := range out { // it may have been this one: what both knew
			if k != e && !e.knew[k] {
				delete(out, k)
			}
		}
	}
	return out
}

// settle closes the books.
func (l *ledger) settle() {
	l.mu.Lock()
	defer l.mu.Unlock()
	have := map[string]bool{}
	for _, n := range []*node{l.w.a, l.w.b} {
		for _, x := range slices.Concat(n.disk.Tree(), n.disk.Area("kept")) {
			have[worth(x)] = true
		}
	}
	for _, c := range l.order {
		if !have[c] && !l.ended[c] && !l.gone[c] {
			l.w.fault("lost: %s, written on %s", short(c), l.wrote[c])
		}
	}
	if l.w.Swarm.Deletes != "track" || l.w.counts.forgot.Load() > 0 {
		return // then deletes are taken back, and who knew what is not known
	}
	for path, x := range byPath(l.w.a.disk.Tree()) {
		if !l.isRuled(path) {
			l.current(path, state(x))
		}
	}
}

// current checks that what is at a path now was not superseded by somebody who
// knew it.
func (l *ledger) current(path, now string) {
	made := false
	var by *edit
	for _, e := range l.paths[path] {
		if e.state != now {
			continue
		}
		made = true
		over := l.superseded(path, e)
		if over == nil {
			return
		}
		by = over
	}
	switch {
	case !made:
		l.w.fault("made by nobody: %s is %s", path, now)
	default:
		l.w.fault("came back: %s is %s, which %s had made %s (edit %d)", path, now, by.node, by.state, by.n)
	}
}

func (l *ledger) superseded(path string, e *edit) *edit {
	for _, over := range l.paths[path] {
		if over.knew[e] {
			return over
		}
	}
	return nil
}

func short(c string) string {
	if len(c) > 40 {
		return fmt.Sprintf("%q… (%d bytes)", c[:40], len(c))
	}
	return fmt.Sprintf("%q", c)
}
