package book

import (
	"errors"
	"io/fs"

	"duet/diff"
	"duet/scan"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// Findings is what a scan or an examination saw, on its way into the index.
type Findings struct {
	Found []scan.Finding
	How   index.How
	Began uint64 // of the look, see Undone
}

// Recorded is what became of findings.
type Recorded struct {
	Edits   int
	Deletes int          // of the edits
	Through index.Seq    // where our journal ends
	Stale   []index.Path // an install came between the look and the commit, or was seen half done: look again
	// Unsettled are paths of which nothing is recorded before a replay has told
	// how far an interrupted install came there.
	Unsettled []index.Path
	Snaps     []Snap
	Left      map[index.Path]bool // edits that the peer ignores
}

// Snap is a copy of a file that is still being written, kept until the peer
// has it.
type Snap struct {
	Path index.Path
	Hash index.Hash
}

// SnapshotName is where such a copy is. The name is that of a partial transfer
// that happens to be complete, so that nothing else has to know of it.
func SnapshotName(h index.Hash) vfs.Held {
	return vfs.Held{Area: vfs.Stage, Name: h.String() + ".snap"}
}

// Record commits findings as own edits, creations before deletions so that a
// peer sees a rename's new name first.
func (b *Book) Record(files vfs.Files, batch []Findings, now int64, apart bool) (Recorded, error) {
	var out Recorded
	if err := nameSnapshots(files, batch); err != nil {
		return out, err
	}
	err := b.Store.Update(func(tx *store.Tx) error {
		out = Recorded{}
		w, err := b.begin(tx, 0, now)
		if err != nil {
			return err
		}
		w.apart = apart
		w.moves = movesIn(batch)
		if w.open, err = unsettledIn(tx); err != nil {
			return err
		}
		for _, deletions := range []bool{false, true} {
			for _, fs := range batch {
				w.how = fs.How
				for i := range fs.Found {
					f := &fs.Found[i]
					if gone := f.Entry != nil && f.Entry.Kind == index.Gone; gone != deletions {
						continue
					}
					if err := w.found(f, fs.Began, &out); err != nil {
						return err
					}
				}
			}
		}
		out.Through = tx.Head()
		return nil
	})
	return out, err
}

// nameSnapshots gives copies of files that are still being written the names
// under which they are looked for.
func nameSnapshots(files vfs.Files, batch []Findings) error {
	for _, b := range batch {
		for i := range b.Found {
			f := &b.Found[i]
			if f.Snapshot.Name == "" || f.Entry == nil {
				continue
			}
			name := SnapshotName(f.Entry.Hash)
			if err := files.RemoveHeld(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			if err := files.RenameHeld(f.Snapshot, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// found commits one finding of a look that began at began, if it tells what
// somebody did.
func (w *writing) found(f *scan.Finding, began uint64, out *Recorded) error {
	switch {
	case w.open.has(f.Path):
		out.Unsettled = append(out.Unsettled, f.Path)
	case w.book.Undone.Since(f.Path, began):
		out.Stale = append(out.Stale, f.Path)
	default:
		return w.edit(f, out)
	}
	return nil
}

// edit commits one finding.
func (w *writing) edit(f *scan.Finding, out *Recorded) error {
	r, err := w.tx.Get(f.Path)
	if err != nil {
		return err
	}
	if r == nil {
		r = &index.Record{Path: f.Path}
	}
	if r.Stamp != f.Was {
		out.Stale = append(out.Stale, f.Path)
		return nil
	}
	r.Stamp = f.Now
	if f.Entry == nil {
		return w.tx.Put(r)
	}
	if f.Entry.Kind == index.Gone && !r.Ours.Live() {
		return nil
	}
	ev := index.Event{What: f.What, Node: w.book.Policy.Self}
	if ev.From, ev.To, err = w.moved(f, r); err != nil {
		return err
	}
	e := diff.Edited(r.Ours, f.Entry, w.meta.Epoch, w.next())
	e.Origin = w.book.Policy.Self
	e.Apart = e.Kind == index.Gone && w.apart
	r.Ours = e
	if f.Snapshot.Name != "" {
		// The file went on changing while its copy was hashed, or will: the
		// stamp must match nothing, so that the next look reads it again.
		r.Stamp = index.Stamp{}
		out.Snaps = append(out.Snaps, Snap{f.Path, e.Hash})
	}
	if err := w.journal(r, ev); err != nil {
		return err
	}
	out.Edits++
	if e.Kind == index.Gone {
		out.Deletes++
	}
	r.Next = index.Wait
	if err := w.settle(r); err != nil {
		return err
	}
	if r.Next == index.Left {
		if out.Left == nil {
			out.Left = map[index.Path]bool{}
		}
		out.Left[r.Path] = true
	}
	return nil
}
