package explain

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"duet/replicate/report"
	"duet/store"
	"duet/store/index"
)

const (
	self, peer = index.NodeID(1), index.NodeID(2)
	peerEpoch  = index.Epoch(77)
)

// desk is an index to ask about, with the paths that tests put there.
type desk struct {
	t    *testing.T
	st   *store.Store
	root string
	set  Setting
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	dir := t.TempDir()
	st, err := store.Open(filepath.Join(dir, "s.db"), store.Options{Share: "s", Node: self})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	d := &desk{t: t, st: st, root: filepath.Join(dir, "root"), set: Setting{Self: "a", Peer: "b", Root: filepath.Join(dir, "root")}}
	if err := os.Mkdir(d.root, 0o755); err != nil {
		t.Fatal(err)
	}
	d.update(func(tx *store.Tx, m *store.Meta) { m.Peer, m.PeerEpoch, m.Heard = peer, peerEpoch, 50 })
	return d
}

func (d *desk) update(f func(tx *store.Tx, m *store.Meta)) {
	d.t.Helper()
	err := d.st.Update(func(tx *store.Tx) error {
		m, err := tx.Meta()
		if err != nil {
			return err
		}
		f(tx, &m)
		return tx.PutMeta(m)
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

func content(n byte, origin index.NodeID, v ...index.Counter) *index.Entry {
	return &index.Entry{Kind: index.File, Hash: index.Hash{n}, Size: int64(n), ModTime: int64(n) * 1e9, Mode: 0o644, Origin: origin, Version: v}
}

// put makes a record as many times as this node edits the path, with an event
// each time.
func (d *desk) put(p index.Path, of func(epoch index.Epoch, pos index.Seq) *index.Record, edits int) {
	d.t.Helper()
	d.update(func(tx *store.Tx, m *store.Meta) {
		for n := range edits {
			r := of(m.Epoch, tx.Head()+1)
			r.Path = p
			ev := index.Event{Path: p, What: index.Changed, How: index.ByWatch, Node: self, Time: int64(n) * 1e9, Entry: r.Ours}
			pos, err := tx.Note(ev)
			if r.Ours != nil {
				r.Pos = pos
			}
			if err == nil {
				err = tx.Put(r)
			}
			if err != nil {
				d.t.Fatal(err)
			}
		}
	})
}

func (d *desk) explain(p string) *Answer {
	d.t.Helper()
	var a *Answer
	err := d.st.View(func(tx *store.Tx) (err error) {
		a, err = Explain(tx, Question{Share: "s", Path: p}, d.set)
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return a
}

// says checks that the page has all of some texts.
func (d *desk) says(a *Answer, texts ...string) {
	d.t.Helper()
	page := a.Text()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			d.t.Errorf("the page does not say %q:\n%s", text, page)
		}
	}
}

func at(epoch index.Epoch, n index.Seq) index.Counter { return index.Counter{Epoch: epoch, Seq: n} }

func TestVersionsInWords(t *testing.T) {
	d := newDesk(t)
	base := content(1, peer, at(peerEpoch, 3))
	d.put("mine", func(e index.Epoch, pos index.Seq) *index.Record {
		return &index.Record{Ours: content(2, self, at(peerEpoch, 3), at(e, pos)), Base: base, Theirs: base, Heard: 9, Next: index.Wait}
	}, 3)
	d.says(d.explain("mine"), "a changed it 3 times since both agreed, last at ", "noticed by the watcher, as it happened",
		"b did not change it since both agreed", "what a has was made knowing what b has", "newer-here",
		"b has otherwise; it has yet to take over what is here")

	d.put("theirs", func(e index.Epoch, pos index.Seq) *index.Record {
		return &index.Record{Ours: base, Base: base, Theirs: content(4, peer, at(peerEpoch, 5)), Heard: 9, Next: index.Take,
			Noticed: index.Sighting{How: index.ByScan, Time: 5e9}}
	}, 1)
	d.says(d.explain("theirs"), "b changed it since both agreed, last at ", "by its clock, noticed by the scan at a start",
		"newer-there", "a: takes over what the other has; b: keeps what it has")

	d.set.Conflict = "hold"
	both := func(e index.Epoch, pos index.Seq) *index.Record {
		return &index.Record{Ours: content(2, self, at(peerEpoch, 3), at(e, pos)), Base: base, Theirs: content(4, peer, at(peerEpoch, 5)), Heard: 9, Next: index.Held}
	}
	d.put("both", both, 2)
	d.says(d.explain("both"), "a changed it twice since both agreed", "b changed it since both agreed",
		"neither knew of the other's: a and b changed it independently", "conflict-held", "waits for a person: duet conflicts --share s")
	d.set.Conflict = "b"
	d.says(d.explain("both"), "conflict-node-wins", "a: takes over what the other has, and keeps its own as the loser; b: keeps what it has, which won", "by `conflict: b`")

	d.put("there", func(index.Epoch, index.Seq) *index.Record {
		return &index.Record{Theirs: content(4, peer, at(peerEpoch, 6)), Heard: 9, Next: index.Take}
	}, 1)
	a := d.explain("there")
	if a.Is != "there" {
		t.Errorf("what only the peer has is %q", a.Is)
	}
	d.says(a, "a never had it", "b created it so far", "never here", "new-there")
}

func TestGone(t *testing.T) {
	d := newDesk(t)
	tombstone := func(e index.Epoch, pos index.Seq) *index.Record {
		v := index.Version{at(peerEpoch, 3), at(e, pos)}
		return &index.Record{Ours: &index.Entry{Kind: index.Gone, Origin: self, Version: v}, Base: content(1, peer, at(peerEpoch, 3)),
			Theirs: content(1, peer, at(peerEpoch, 3)), Heard: 9, Next: index.Wait}
	}
	d.put("fresh", tombstone, 1)
	d.says(d.explain("fresh"), "b has not heard of the delete yet", "b still has it: copy it from there")
	d.update(func(tx *store.Tx, m *store.Meta) { m.Acked = tx.Head() })
	d.says(d.explain("fresh"), "b has heard of the delete, and has yet to follow")

	// The tombstone has served: only the journal knows, and what is kept.
	d.put("served", tombstone, 1)
	d.update(func(tx *store.Tx, m *store.Meta) {
		if err := tx.Delete("served"); err != nil {
			t.Fatal(err)
		}
	})
	a := d.explain("served")
	if a.Is != "deleted" || a.Gone == nil || !a.Gone.Acknowledged || a.Gone.By != "a" {
		t.Errorf("a delete of which only the journal knows: %+v, %+v", a, a.Gone)
	}
	d.says(a, "b has confirmed that it is gone there too", "on b, which followed: duet kept restore --reason deleted --path s:served")

	// Deleted there, followed here, kept, and then pruned.
	d.update(func(tx *store.Tx, _ *store.Meta) {
		seen := index.Sighting{How: index.ByRescan, Time: 7e9}
		_, err := tx.Note(index.Event{Path: "theirs", What: index.Adopted, How: index.ByPeer, Node: peer, Time: 9e9,
			Entry: &index.Entry{Kind: index.Gone, Origin: peer}, Rule: "deleted-there", Seen: seen})
		if err == nil {
			_, err = tx.AddKept(index.Kept{Path: "theirs", Entry: content(3, peer), Reason: index.Removed, By: peer, Held: "x"})
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	a = d.explain("theirs")
	d.says(a, "by the clock of b, noticed by a later scan", "by rule deleted-there", "on a: duet kept restore 1 --share s")
	if a.Gone.Time != 7e9 || a.Gone.Here != 9e9 || a.Gone.Kept != 1 {
		t.Errorf("gone: %+v", a.Gone)
	}
	d.update(func(tx *store.Tx, _ *store.Meta) {
		_, err := tx.Note(index.Event{Path: "theirs", What: index.Pruned, How: index.ByRule, Node: self, Time: 10e9, Note: "older than 30d"})
		if err == nil {
			err = tx.DropKept(1)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	d.says(d.explain("theirs"), "the kept version here was pruned at ", "older than 30d")

	// A new epoch forgets deletes.
	if _, err := d.st.NewEpoch(time.Now(), 0); err != nil {
		t.Fatal(err)
	}
	d.says(d.explain("served"), "the index here began anew after that")
}

func TestDiskAndDaemon(t *testing.T) {
	d := newDesk(t)
	for _, dir := range []string{"dir", "real"} {
		if err := os.Mkdir(filepath.Join(d.root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(d.root, "real/file"), []byte("x"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", filepath.Join(d.root, "link")); err != nil {
		t.Fatal(err)
	}
	if a := d.explain("real/file"); !a.Disk.There || a.Disk.Kind != "file" || a.Disk.Mode != "0640" || a.Is != "unsynced" {
		t.Errorf("a file: %+v, %s", a.Disk, a.Is)
	}
	if a := d.explain("link/file"); a.Disk.There {
		t.Errorf("a symlink on the way was followed: %+v", a.Disk)
	}
	if a := d.explain("link"); a.Disk.Kind != "symlink" || a.Disk.Target != "real" {
		t.Errorf("a symlink: %+v", a.Disk)
	}
	since := time.Now()
	d.set.Live = &report.Moment{
		State: report.Degraded, Connected: true, Dirty: true,
		Own:   &report.Problem{Path: "real/file", Error: "permission denied", Since: since, Next: since.Add(time.Minute), Tries: 3},
		Above: &report.Problem{Path: "real", Error: "is a mount point", Skipped: true, Since: since},
	}
	d.says(d.explain("real/file"), "failed 3 times since ", "tried again at ", "permission denied",
		"real, above it, skipped since ", "it was touched, and is about to be looked at")
	d.set.Root = filepath.Join(d.root, "nowhere")
	d.says(d.explain("x"), "not known: look into the share's directory")
}
