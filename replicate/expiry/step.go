package expiry

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"duet/recovery/landing"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// Bound is how many versions one step removes at most.
const Bound = 200

// Pruner removes what has had its time. Its methods are called in the share's
// writer lane.
type Pruner struct {
	Store  *store.Store
	Files  vfs.Files
	Node   index.NodeID // this node, for the journal
	How    index.How    // ByRule, or ByUser
	Limits Limits
	// Match says what may go at all; nil: everything.
	Match func(*index.Kept) bool
	// Bound is how many versions one step removes at most; 0: Bound.
	Bound int

	counted uint64 // kept versions up to here have been counted against Limits.Versions
}

// Report is what a step did, or would do.
type Report struct {
	Pruned    []Doomed
	Bytes     int64    // of them
	Conflicts []uint64 // settled ones that go without a version: the peer has, or had, the loser
	More      bool     // there may be more to do
	Short     string
	Problems  []error // of versions that could not be removed
}

// Preview is what the next step would do, with a bound of its own.
func (p *Pruner) Preview(now time.Time, bound int) (Report, error) {
	c, err := p.choose(now, bound)
	if err != nil {
		return Report{}, err
	}
	return Report{Pruned: c.list, Bytes: c.bytes, Conflicts: c.stale, More: c.full(), Short: c.short}, nil
}

// Step removes at most Bound versions. An error means that the index cannot be
// written; the intents that may then be left are for recovery.Replay.
func (p *Pruner) Step(now time.Time) (Report, error) {
	bound := p.Bound
	if bound == 0 {
		bound = Bound
	}
	c, err := p.choose(now, bound)
	if errors.Is(err, errDisk) {
		return Report{Problems: []error{err}}, nil
	}
	if err != nil {
		return Report{}, fmt.Errorf("choose what to prune: %w", err)
	}
	out := Report{More: c.full(), Short: c.short}
	for i := range c.list {
		d := &c.list[i]
		if d.ino, err = p.inode(&d.Kept); err != nil {
			out.Problems = append(out.Problems, fmt.Errorf("kept version %d: %w", d.Kept.ID, err))
			continue
		}
		out.Pruned = append(out.Pruned, *d)
		out.Bytes += size(&d.Kept)
	}
	p.counted, out.Conflicts = c.from, c.stale
	if len(out.Pruned)+len(out.Conflicts) == 0 {
		out.More = false // what is left cannot be removed now
		return out, nil
	}
	if err := p.carryOut(&out, now); err != nil {
		return out, fmt.Errorf("prune kept versions: %w", err)
	}
	return out, nil
}

// errDisk means that the filesystem does not say how full it is.
var errDisk = errors.New("ask for free space")

func (p *Pruner) choose(now time.Time, bound int) (*chooser, error) {
	c := &chooser{lim: p.Limits, match: p.Match, now: now, bound: bound, from: p.counted}
	var err error
	if c.disk.free, err = p.Files.Free(); err != nil {
		return nil, fmt.Errorf("%w: %w", errDisk, err)
	}
	if c.disk.capacity, err = p.Files.Capacity(); err != nil {
		return nil, fmt.Errorf("%w: %w", errDisk, err)
	}
	err = p.Store.View(func(tx *store.Tx) error {
		c.tx = tx
		return c.choose()
	})
	c.tx = nil
	return c, err
}

// inode finds the file of a kept version; 0 if there is none, because a person
// removed it by hand, or something else has its name, as after a restored
// backup: that is left for the next start to find.
func (p *Pruner) inode(k *index.Kept) (uint64, error) {
	if k.Held == "" {
		return 0, nil
	}
	info, err := p.Files.LstatHeld(vfs.Held{Area: vfs.Kept, Name: k.Held})
	if errors.Is(err, fs.ErrNotExist) || err == nil && !fits(info, k.Entry) {
		return 0, nil
	}
	return info.Stamp.Ino, err
}

// fits reports whether what is held can be what e says.
func fits(info vfs.Info, e *index.Entry) bool {
	switch {
	case e == nil:
		return true
	case e.Kind == index.File:
		return info.Type == vfs.Regular && info.Stamp.Size == e.Size
	case e.Kind == index.Symlink:
		return info.Type == vfs.Link && info.Stamp.Size == int64(len(e.Target))
	}
	return info.Type == vfs.Directory
}

// carryOut writes down what goes, removes it, and writes down that it is gone.
func (p *Pruner) carryOut(out *Report, now time.Time) error {
	var going []index.Intent
	err := p.Store.Update(func(tx *store.Tx) (err error) {
		going = going[:0]
		for i := range out.Pruned {
			if err := p.forget(tx, &out.Pruned[i], now, &going); err != nil {
				return err
			}
		}
		for _, id := range out.Conflicts {
			if err := tx.DropConflict(id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || len(going) == 0 {
		return err
	}
	for i := range going {
		if err := landing.Expire(p.Files, &going[i]); err != nil {
			out.Problems = append(out.Problems, err)
		}
	}
	// Else a power failure could bring a file back of which nothing is known.
	if err := p.Files.SyncDirs(nil); err != nil {
		return err
	}
	return p.Store.Update(func(tx *store.Tx) error {
		for _, in := range going {
			if err := tx.DropIntent(in.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

// forget drops what the index has of one version, and notes what becomes of it.
func (p *Pruner) forget(tx *store.Tx, d *Doomed, now time.Time, going *[]index.Intent) error {
	k := &d.Kept
	if err := tx.DropKept(k.ID); err != nil {
		return err
	}
	for _, id := range d.Conflicts {
		if err := tx.DropConflict(id); err != nil {
			return err
		}
	}
	_, err := tx.Note(index.Event{
		Path: k.Path, What: index.Pruned, How: p.How, Node: p.Node, Time: now.UnixNano(),
		Note: fmt.Sprintf("kept version %d (%v), of %s: %s", k.ID, k.Reason, time.Unix(0, k.Time).UTC().Format(time.RFC3339), d.Why),
	})
	if err != nil || d.ino == 0 {
		return err
	}
	in := index.Intent{Verb: index.Expire, Path: k.Path, Held: k.Held, Ino: d.ino, Reason: k.Reason}
	if in.ID, err = tx.AddIntent(in); err != nil {
		return err
	}
	*going = append(*going, in)
	return nil
}
