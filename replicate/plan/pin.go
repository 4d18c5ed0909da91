package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"duet/replicate/report"
	"duet/store"
	"duet/store/index"
)

// PinOf is the state that a plan is of: the positions of both journals, the rules
// of the share, and what the person wants.
func (f *Frame) PinOf(tx *store.Tx, o *Orders) (report.Pin, error) {
	m, err := tx.Meta()
	if err != nil {
		return report.Pin{}, err
	}
	h := sha256.New()
	p := f.Book.Policy
	fmt.Fprintf(h, "%v %v %v %v %v %v\n", p.Conflict, p.Winner, p.Self, p.Peer, p.Deletes, f.Bounds)
	fmt.Fprintf(h, "%x %q %v\n", m.Rules, m.Approved, m.Leaves)
	if f.There != nil {
		fmt.Fprintf(h, "%v %v\n", f.There.Bounds, f.There.Leaves)
	}
	return report.Pin{
		Epoch: m.Epoch.String(), Head: uint64(tx.Head()), PeerEpoch: m.PeerEpoch.String(), Heard: uint64(m.Heard),
		Rules: hex.EncodeToString(h.Sum(nil)[:8]), Orders: o.digest,
	}, nil
}

// ID is the name of a plan: two that have the same are the same.
func ID(share string, p report.Pin) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %s %d %s %d %s %s", share, p.Epoch, p.Head, p.PeerEpoch, p.Heard, p.Rules, p.Orders))
	return hex.EncodeToString(sum[:6])
}

// movedFirst is how many of the paths that moved are named.
const movedFirst = 5

// Moved says what has changed since a plan was made, in words; "" if nothing has.
func (f *Frame) Moved(tx *store.Tx, was, is report.Pin) (string, error) {
	var what []string
	switch {
	case was.Epoch != is.Epoch:
		return fmt.Sprintf("the index on %s has begun anew", f.Self), nil
	case was.PeerEpoch != is.PeerEpoch:
		return fmt.Sprintf("the index on %s has begun anew", f.Peer), nil
	}
	if was.Rules != is.Rules {
		what = append(what, "the rules of the share have changed (conflict, deletes, ignore, max_delete, or an approval)")
	}
	if was.Head < is.Head {
		text, err := f.movedHere(tx, index.Seq(was.Head))
		if err != nil {
			return "", err
		}
		what = append(what, text)
	}
	if was.Heard < is.Heard {
		text, err := f.movedThere(tx, index.Seq(was.Heard))
		if err != nil {
			return "", err
		}
		what = append(what, text)
	}
	if was.Head > is.Head || was.Heard > is.Heard {
		what = append(what, "an index is older than the plan")
	}
	return strings.Join(what, "; "), nil
}

func (f *Frame) movedHere(tx *store.Tx, since index.Seq) (string, error) {
	var paths []string
	n, orders := 0, 0
	seen := map[index.Path]bool{}
	for e, err := range tx.Events(since + 1) {
		switch {
		case err != nil:
			return "", err
		case e.What.OfShare():
			orders++
			continue
		}
		n++
		if len(paths) < movedFirst && !seen[e.Path] {
			seen[e.Path] = true
			paths = append(paths, e.Path.String())
		}
	}
	if n == 0 {
		return fmt.Sprintf("%s has written down %d decisions about the whole share", f.Self, orders), nil
	}
	return fmt.Sprintf("%s has changed since: %s", f.Self, first(paths, n)), nil
}

func (f *Frame) movedThere(tx *store.Tx, since index.Seq) (string, error) {
	var paths []string
	n := 0
	for r, err := range tx.Range(index.Root, false) {
		if err != nil {
			return "", err
		}
		if r.Heard <= since {
			continue
		}
		if n++; len(paths) < movedFirst {
			paths = append(paths, r.Path.String())
		}
	}
	if n == 0 {
		return fmt.Sprintf("%s has gone on, with nothing that is still different", f.Peer), nil
	}
	return fmt.Sprintf("%s has changed since: %s", f.Peer, first(paths, n)), nil
}

func first(paths []string, n int) string {
	text := strings.Join(paths, ", ")
	if n > len(paths) {
		text += fmt.Sprintf(" and %d more", n-len(paths))
	}
	return text
}
