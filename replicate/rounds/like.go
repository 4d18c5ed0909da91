package rounds

import (
	"cmp"
	"slices"

	"duet/replicate/transfer"
	"duet/scan/vfs"
	"duet/store/index"
)

// Bounds of looking for what may be like a content that has to be fetched.
const (
	maxLike  = 3
	lookLike = 1024 // records
)

// like names what is here and may have much in common with e, best first: what
// the path is now; what is about to be deleted, which may be the old name of a file
// that was renamed and edited; what the path was before.
func (k *picking) like(r *index.Record, e *index.Entry) (like []transfer.Like, err error) {
	least := k.rounds.Delta / 2 // bytes, here and there: less is fetched sooner
	if e.Size < least {
		return nil, nil
	}
	if r.Ours.LiveKind() == index.File {
		if r.Ours.Size >= least {
			like = append(like, transfer.Like{Path: r.Path})
		}
	} else if like, err = k.leaving(r.Path, e); err != nil {
		return nil, err
	}
	var last uint64
	for id := range k.tx.KeptOf(r.Path) {
		last = id
	}
	if last != 0 {
		kept, err := k.tx.GetKept(last)
		if err != nil {
			return nil, err
		}
		if kept != nil && kept.Held != "" && kept.Entry.LiveKind() == index.File && kept.Entry.Size >= least {
			like = append(like, transfer.Like{Held: vfs.Held{Area: vfs.Kept, Name: kept.Held}})
		}
	}
	return like, nil
}

// leaving names what is about to be deleted, in the directory of p or elsewhere,
// and could have become e: of the same name, or else about as large.
func (k *picking) leaving(p index.Path, e *index.Entry) ([]transfer.Like, error) {
	var found []*index.Record
	seen := map[index.Path]bool{}
	for _, from := range []index.Path{p.Parent(), index.Root} {
		n := 0
		for c, err := range k.tx.Todo(from) {
			if err != nil {
				return nil, err
			}
			if n++; n > lookLike {
				break
			}
			o := c.Ours
			if seen[c.Path] || o.LiveKind() != index.File || o.Size < k.rounds.Delta/2 || o.Size/4 > e.Size || e.Size/4 > o.Size {
				continue
			}
			if seen[c.Path] = true; k.rounds.Book.Doomed(c) {
				found = append(found, c)
			}
		}
		if from == index.Root {
			break
		}
	}
	rank := func(c *index.Record) int64 {
		if c.Path.Leaf() == p.Leaf() {
			return -1
		}
		return max(c.Ours.Size-e.Size, e.Size-c.Ours.Size)
	}
	slices.SortStableFunc(found, func(a, b *index.Record) int { return cmp.Compare(rank(a), rank(b)) })
	var like []transfer.Like
	for _, c := range found[:min(len(found), maxLike)] {
		like = append(like, transfer.Like{Path: c.Path})
	}
	return like, nil
}
