package replicate

import (
	"errors"
	"io/fs"

	"duet/diff"
	"duet/scan"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// findings is what a scan or an examination saw, on its way into the index.
type findings struct {
	found    []scan.Finding
	problems []scan.Problem
	how      index.How
	done     func(error) // called by the loop when it is committed; may be nil
}

// recorded is what became of findings.
type recorded struct {
	edits int
	stale []index.Path // an install came between the look and the commit: look again
	snaps []snap
	left  map[index.Path]bool // edits that the peer ignores
}

// snap is a copy of a file that is still being written, kept until the peer
// has it.
type snap struct {
	path index.Path
	hash index.Hash
}

// record commits findings as own edits, creations before deletions so that a
// peer sees a rename's new name first.
func (s *Share) record(files vfs.Files, batch []findings, now int64, apart bool) (recorded, error) {
	var out recorded
	if err := nameSnapshots(files, batch); err != nil {
		return out, err
	}
	err := s.st.Update(func(tx *store.Tx) error {
		out = recorded{}
		w, err := s.begin(tx, 0, now)
		if err != nil {
			return err
		}
		w.apart = apart
		for _, deletions := range []bool{false, true} {
			for _, b := range batch {
				w.how = b.how
				for i := range b.found {
					f := &b.found[i]
					if gone := f.Entry != nil && f.Entry.Kind == index.Gone; gone != deletions {
						continue
					}
					if err := w.edit(f, &out); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
	return out, err
}

// nameSnapshots gives copies of files that are still being written the names
// under which offer looks for them.
func nameSnapshots(files vfs.Files, batch []findings) error {
	for _, b := range batch {
		for i := range b.found {
			f := &b.found[i]
			if f.Snapshot.Name == "" || f.Entry == nil {
				continue
			}
			name := snapshotName(f.Entry.Hash)
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

// edit commits one finding.
func (w *writing) edit(f *scan.Finding, out *recorded) error {
	r, err := w.tx.Get(f.Path)
	if err != nil {
		return err
	}
	if r == nil {
		r = &index.Record{Path: f.Path}
	}
	if r.Stamp != f.Was {
		out.stale = append(out.stale, f.Path)
		return nil
	}
	r.Stamp = f.Now
	if f.Entry == nil {
		return w.tx.Put(r)
	}
	if f.Entry.Kind == index.Gone && !r.Ours.Live() {
		return nil
	}
	e := diff.Edited(r.Ours, f.Entry, w.meta.Epoch, w.next())
	e.Origin = w.share.cfg.Node
	e.Apart = e.Kind == index.Gone && w.apart
	r.Ours = e
	if f.Snapshot.Name != "" {
		// The file went on changing while its copy was hashed, or will: the
		// stamp must match nothing, so that the next look reads it again.
		r.Stamp = index.Stamp{}
		out.snaps = append(out.snaps, snap{f.Path, e.Hash})
	}
	if err := w.note(r, f.What, w.share.cfg.Node, ""); err != nil {
		return err
	}
	out.edits++
	r.Next = index.Wait
	if err := w.settle(r); err != nil {
		return err
	}
	if r.Next == index.Left {
		if out.left == nil {
			out.left = map[index.Path]bool{}
		}
		out.left[r.Path] = true
	}
	return nil
}
