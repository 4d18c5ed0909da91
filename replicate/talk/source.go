package talk

import (
	"fmt"

	"duet/replicate/book"
	"duet/replicate/transfer"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// Source is where the peer's requests for contents are answered from. The peer
// may have what this node announced, and nothing else.
type Source struct {
	Book    *book.Book
	Files   vfs.Files
	Strange func(index.Path) // called for what was never announced, from the goroutines that serve; may be nil
}

// Open finds a content: where the index says it is, if the file is still what
// the index says; else in a snapshot of it; else in another file or a kept
// version with the same hash. What the path was before, the peer may have, too,
// while it is kept: a person there may want it back.
func (o Source) Open(p index.Path, h index.Hash, size int64) (transfer.Content, error) {
	var r *index.Record
	var before *index.Kept
	err := o.Book.Store.View(func(tx *store.Tx) (err error) {
		if r, err = tx.Get(p); err != nil {
			return err
		}
		if r == nil || r.Ours.LiveKind() != index.File || r.Ours.Hash != h || r.Ours.Size != size {
			before, err = was(tx, p, h, size)
		}
		return err
	})
	if err == nil && r == nil && o.Strange != nil {
		o.Strange(p)
	}
	switch {
	case err != nil:
		return nil, err
	case before != nil:
		return o.Files.OpenHeld(vfs.Held{Area: vfs.Kept, Name: before.Held})
	case r == nil || r.Ours.LiveKind() != index.File:
		return nil, fmt.Errorf("%v %w", p, transfer.ErrGone)
	case r.Ours.Hash != h || r.Ours.Size != size:
		return nil, fmt.Errorf("%v %w", p, transfer.ErrChanged)
	}
	if f := o.tree(r); f != nil {
		return f, nil
	}
	if f, err := o.Files.OpenHeld(book.SnapshotName(h)); err == nil {
		return f, nil
	}
	return o.elsewhere(p, h, size)
}

// elsewhere finds a content that is not any more where it was announced: in another
// file, or in a kept version. Where the hashes are is at random, so that to look
// costs as much as all else; hence it is the last thing.
func (o Source) elsewhere(p index.Path, h index.Hash, size int64) (transfer.Content, error) {
	var kept *index.Kept
	var twin *index.Record
	err := o.Book.Store.View(func(tx *store.Tx) (err error) {
		if kept, err = tx.KeptByHash(h); err != nil {
			return err
		}
		for q, err := range tx.ByHash(h, size) {
			if err != nil {
				return err
			}
			if q != p {
				twin, err = tx.Get(q)
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if twin != nil {
		if f := o.tree(twin); f != nil {
			return f, nil
		}
	}
	if kept != nil && kept.Held != "" && kept.Entry.Hash == h {
		if f, err := o.Files.OpenHeld(vfs.Held{Area: vfs.Kept, Name: kept.Held}); err == nil {
			return f, nil
		}
	}
	return nil, fmt.Errorf("%v %w", p, transfer.ErrChanged)
}

// was finds a kept version of p with this content that was once p's entry, and
// so was announced. A save that came out of the tree in the instant of an install
// was not: it has no version.
func was(tx *store.Tx, p index.Path, h index.Hash, size int64) (*index.Kept, error) {
	for id := range tx.KeptOf(p) {
		k, err := tx.GetKept(id)
		if err != nil {
			return nil, err
		}
		if k != nil && k.Held != "" && k.Entry.LiveKind() == index.File && k.Entry.Hash == h && k.Entry.Size == size && len(k.Entry.Version) > 0 {
			return k, nil
		}
	}
	return nil, nil
}

// tree opens r's file if it is what the index says.
func (o Source) tree(r *index.Record) vfs.Content {
	f, err := o.Files.Open(r.Path)
	if err != nil {
		return nil
	}
	if info, err := f.Stat(); err != nil || info.Stamp != r.Stamp {
		f.Close()
		return nil
	}
	return f
}

var _ transfer.Source = Source{}
