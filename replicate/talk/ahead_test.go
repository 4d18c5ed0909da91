package talk

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"duet/replicate/book"
	"duet/replicate/stock"
	"duet/replicate/wire"
	"duet/scan"
	"duet/store"
	"duet/store/index"
)

// noted is something that is noted in a journal.
type noted struct {
	path   index.Path
	kind   index.Kind
	how    index.How
	theirs *index.Entry
	next   index.Next
	from   index.Path
	agreed bool
}

func (n noted) put(tx *store.Tx) error {
	m, err := tx.Meta()
	if err != nil {
		return err
	}
	pos := tx.Head() + 1
	e := &index.Entry{Kind: n.kind, Mode: 0o755, Origin: 1, Version: index.Version{{Epoch: m.Epoch, Seq: pos}}}
	what := index.Created
	r := &index.Record{Path: n.path, Ours: e, Pos: pos, Next: max(n.next, index.Wait), Theirs: n.theirs}
	switch n.kind {
	case index.File:
		e.Hash, e.Size, e.ModTime = scan.SumBytes([]byte(n.path)), int64(len(n.path)), 1e18
	case index.Symlink:
		e.Mode, e.Target = 0, "somewhere"
	case index.Gone:
		e.Mode, what = 0, index.Deleted
	}
	if n.kind != index.Gone {
		r.Stamp = index.Stamp{Ino: 7, Size: e.Size}
	}
	if n.agreed {
		r.Theirs, r.Base, r.Next = e, e, index.Nothing
	}
	if r.Theirs != nil {
		r.Heard = 77
	}
	if _, err := tx.Note(index.Event{Path: n.path, What: what, How: n.how, Node: 1, Time: 5, From: n.from, Entry: e}); err != nil {
		return err
	}
	return tx.Put(r)
}

// hurrying is a session that has told nothing, a journal of ten links that a scan
// found, and a func that adds to it.
func hurrying(t *testing.T) (*Session, func(...noted)) {
	t.Helper()
	st, err := store.Open(filepath.Join(t.TempDir(), "s.db"), store.Options{Share: "s", Node: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	note := func(list ...noted) {
		t.Helper()
		err := st.Update(func(tx *store.Tx) error {
			for _, n := range list {
				if err := n.put(tx); err != nil {
					return err
				}
			}
			m, err := tx.Meta()
			if err != nil {
				return err
			}
			m.Heard = 77
			return tx.PutMeta(m)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range 10 {
		note(noted{path: index.Path(fmt.Sprint("found", i)), kind: index.Symlink, how: index.ByScan})
	}
	sess := New(context.Background(), nil, &book.Book{Store: st, Now: time.Now})
	t.Cleanup(sess.Close)
	sess.ahead = ahead{can: true, behind: 5, amid: 8}
	if m := sess.hurried(t, 0); m != nil {
		t.Fatalf("what was there before the session goes ahead: %+v", m)
	}
	return sess, note
}

func (sess *Session) hurried(t *testing.T, from index.Seq) *wire.Changes {
	t.Helper()
	_, files := windowTree(t)
	m, err := sess.hurry(files, &stock.Contents{Most: maxStock}, from)
	if err != nil {
		t.Fatal(err)
	}
	if m != nil {
		var b strings.Builder
		if err := wire.WriteMsg(&b, m); err != nil || m.Through != from || m.Run == 0 {
			t.Fatalf("%d changes of run %d through %d: %v", len(m.Changes), m.Run, m.Through, err)
		}
	}
	return m
}

// A file that a person saves is told ahead of much that a scan found, with the directories
// that the peer knows nothing of; but nothing that rests on what is told before
// it, and nothing to a peer that takes it for what it is not.
func TestHurry(t *testing.T) {
	saved := noted{path: "f", kind: index.File, how: index.ByWatch}
	inside := noted{path: "d/f", kind: index.File, how: index.ByWatch}
	entry := func(kind index.Kind) *index.Entry {
		e := &index.Entry{Kind: kind, Mode: 0o755, Origin: 2, Version: index.Version{{Epoch: 9, Seq: 3}}}
		if kind == index.File {
			e.Hash = scan.SumBytes(nil)
		}
		return e
	}
	with := func(n noted, change func(*noted)) noted {
		change(&n)
		return n
	}
	many := []noted{{path: "e", kind: index.Symlink, how: index.ByWatch}}
	for i := range 6 {
		many = append(many, noted{path: index.Path(fmt.Sprint("more", i)), kind: index.Symlink, how: index.ByScan})
	}
	const urgent, waits = true, false
	for name, c := range map[string]struct {
		noted  []noted
		from   index.Seq
		first  string // what goes ahead
		urgent bool   // of what does not: it is told as soon as can be
		stands bool
		old    bool
	}{
		"a save":                        {[]noted{saved}, 0, "f", waits, false, false},
		"behind little":                 {[]noted{saved}, 6, "", waits, false, false},
		"amid what is behind little":    {[]noted{saved, {path: "x", kind: index.Symlink, how: index.ByScan}}, 6, "", urgent, false, false},
		"amid others":                   {append(many, saved), 10, "", urgent, false, false},
		"a save over a file":            {[]noted{with(saved, func(n *noted) { n.theirs = entry(index.File) })}, 0, "f", waits, false, false},
		"in a new directory":            {[]noted{{path: "d", kind: index.Dir, how: index.ByScan}, inside}, 0, "d d/f", waits, false, false},
		"in a known directory":          {[]noted{{path: "d", kind: index.Dir, how: index.ByScan, agreed: true}, inside}, 0, "d/f", waits, false, false},
		"two in a directory":            {[]noted{{path: "d", kind: index.Dir, how: index.ByScan}, inside, {path: "d/g", kind: index.File, how: index.ByWatch}}, 0, "d d/f d/g", waits, false, false},
		"in a directory that was moved": {[]noted{{path: "d", kind: index.Dir, how: index.ByWatch, from: "c"}, inside}, 0, "", urgent, false, false},
		"in what is a file there":       {[]noted{{path: "d", kind: index.Dir, how: index.ByScan, theirs: entry(index.File)}, inside}, 0, "", urgent, false, false},
		"in the place of a directory":   {[]noted{with(saved, func(n *noted) { n.theirs = entry(index.Dir) })}, 0, "", urgent, false, false},
		"moved":                         {[]noted{with(saved, func(n *noted) { n.from = "e" })}, 0, "", urgent, false, false},
		"deleted":                       {[]noted{{path: "f", kind: index.Gone, how: index.ByWatch}}, 0, "", urgent, false, false},
		"a link":                        {[]noted{{path: "f", kind: index.Symlink, how: index.ByWatch}}, 0, "", urgent, false, false},
		"by a command":                  {[]noted{with(saved, func(n *noted) { n.how = index.ByUser })}, 0, "", urgent, false, false},
		"left alone":                    {[]noted{with(saved, func(n *noted) { n.next = index.Left })}, 0, "", urgent, false, false},
		"found by a rescan":             {[]noted{with(saved, func(n *noted) { n.how = index.ByRescan })}, 0, "", waits, false, false},
		"saved and deleted":             {[]noted{saved, {path: "f", kind: index.Gone, how: index.ByScan}}, 0, "", waits, false, false},
		"to an older peer":              {[]noted{saved}, 0, "", urgent, false, true},
		"done for the peer":             {[]noted{with(saved, func(n *noted) { n.agreed, n.how = true, index.ByPeer })}, 0, "", waits, false, false},
		"done, and all stands":          {[]noted{with(saved, func(n *noted) { n.agreed, n.how = true, index.ByPeer })}, 0, "agreed", waits, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			sess, note := hurrying(t)
			note(c.noted...)
			sess.ahead.can = !c.old
			sess.window.stands.Store(c.stands)
			var first []string
			if m := sess.hurried(t, c.from); m != nil {
				for _, c := range m.Changes {
					if c.Agreed != 0 {
						c.Path = "agreed"
					}
					first = append(first, string(c.Path))
				}
			}
			if got := strings.Join(first, " "); got != c.first || sess.ahead.urgent != 0 != c.urgent {
				t.Errorf("%q goes ahead, urgent up to %d; want %q", got, sess.ahead.urgent, c.first)
			}
			if m := sess.hurried(t, c.from); m != nil {
				t.Errorf("again: %+v", m)
			}
		})
	}
}

// A storm of saves goes ahead a part at a time, and what lies too deep for a message not
// at all.
func TestHurryIsBounded(t *testing.T) {
	sess, note := hurrying(t)
	var storm []noted
	for i := range maxAhead + 10 {
		storm = append(storm, noted{path: index.Path(fmt.Sprint("f", i)), kind: index.File, how: index.ByWatch})
	}
	note(storm...)
	for _, want := range []int{maxAhead, 10} {
		if m := sess.hurried(t, 0); m == nil || len(m.Changes) != want {
			t.Fatalf("want %d to go ahead", want)
		}
		if woken := len(sess.wakeup) > 0; woken != (want == maxAhead) {
			t.Errorf("after %d: woken %v", want, woken)
		}
		sess.wakeup = make(chan struct{}, 1)
	}
	deep := noted{path: "d", kind: index.Dir, how: index.ByScan}
	for len(deep.path) < 2000 {
		note(deep)
		deep.path += "/" + "ddddd"
	}
	note(noted{path: deep.path.Parent() + "/f", kind: index.File, how: index.ByWatch})
	if m := sess.hurried(t, 0); m != nil || sess.ahead.urgent == 0 {
		t.Errorf("%d go ahead of their turn", len(m.Changes))
	}
}
