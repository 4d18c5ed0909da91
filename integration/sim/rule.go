package sim

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"duet/diff"
	"duet/replicate/ruling"
	"duet/store/index"
)

// In some runs conflicts are held, and in some people settle them otherwise than
// a rule did, and take that back. What is held at the end somebody has to
// settle: only then can the trees be equal.

// sides are what a person may choose.
var sides = []string{"ours", "theirs", "newest", "winner", "loser", "a", "b"}

// rule has a person on a node settle all conflicts. It returns when that is
// done, or the node has stopped.
func (n *node) rule(side string) {
	l := n.alive()
	if l == nil {
		return
	}
	c, err := diff.ParseChoice(side, map[string]index.NodeID{n.name: n.id, n.peer: n.pid})
	if err != nil {
		n.w.fault("%v", err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := l.share.Resolve(ctx, ruling.Order{Take: c, Force: true}, nil)
	n.ruled(fmt.Sprintf("a person settles conflicts with %q", side), r, err)
}

// unrule has a person take the last ruling back.
func (n *node) unrule() {
	l := n.alive()
	if l == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := l.share.TakeBack(ctx, 0, nil)
	n.ruled("a person takes back what was settled", r, err)
}

// ruled takes note of what became of it. A person may well want back what
// somebody had replaced or deleted in full knowledge.
func (n *node) ruled(what string, r ruling.Result, err error) {
	n.w.ledger.rule(r.Items, err)
	if err != nil {
		n.w.Trace.put(line{kind: logged, who: n.name, what: what, err: err})
	}
	if len(r.Items) == 0 {
		return
	}
	n.w.counts.rules.Add(1)
	for _, x := range r.Items {
		n.w.Trace.put(line{kind: logged, who: n.name, what: fmt.Sprintf("%s: %s %s %s %s", what, x.Path, x.Did, x.Took, x.Detail)})
	}
}

// rule takes note of paths on which a person has ruled. If that was interrupted,
// nobody can say which they are.
func (l *ledger) rule(items []ruling.Item, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.ruled = append(l.ruled, "")
	}
	for _, x := range items {
		l.ruled = append(l.ruled, x.Path)
	}
}

// isRuled reports whether a person has ruled on a path or on one above it.
func (l *ledger) isRuled(path string) bool {
	return slices.ContainsFunc(l.ruled, func(p string) bool {
		return p == "" || p == path || strings.HasPrefix(path, p+"/")
	})
}
