package install

import (
	"errors"
	"io/fs"

	"duet/recovery/landing"
	"duet/scan/vfs"
	"duet/store/index"
)

// swap exchanges what is staged with what is at t's path.
//
// RACE: between the check and the exchange anybody may save, by writing into
// the file or by renaming another over it. settleSwap sees both in what came
// out. A process that opens the file in the check's last moment and has
// written nothing when settleSwap looks is found by the lease that the guard
// tries; where leases are not to be had (another user's file, some
// filesystems), what it writes later goes into the kept version: not lost, but
// not in the tree either.
//
// RACE: a file that has a second name in the tree is kept as the same inode.
// Who writes through the other name changes the kept version, too; a restore
// verifies the hash, and then refuses.
func (b *batch) swap(t *task) {
	if !b.expected(t, t.path, t.rec.Stamp) {
		return
	}
	g, ok := b.guard(t, t.path, t.rec.Ours.Kind, t.rec.Stamp)
	if !ok {
		return
	}
	defer g.close()
	if t.unfold {
		if err := b.env.Explained(b.ctx, b.st, b.files, t.path, t.path); err != nil {
			t.blocked(err)
			return
		}
	}
	if err := b.openUp(t); err != nil {
		t.fail("%w", err)
		return
	}
	defer b.closeUp(t)
	t.first = t.staged
	if err := b.files.RenameHeld(t.staged, held(t.swapName)); err != nil {
		t.fail("%w", err)
		return
	}
	t.staged = held(t.swapName)
	err := b.files.Swap(t.staged, t.path)
	t.swapped = err == nil
	switch {
	case err == nil:
		b.settleSwap(t, g)
	case errors.Is(err, fs.ErrNotExist):
		t.raced = true
	default:
		t.fail("%w", err)
		// Where there is no exchange, it may have stopped half way.
		if _, err := b.files.LstatHeld(held(t.staged.Name + landing.OutSuffix)); err == nil {
			t.open = true
		}
	}
}

// settleSwap looks at what came out.
func (b *batch) settleSwap(t *task, g *guard) {
	info, err := b.files.LstatHeld(t.staged)
	switch {
	case err != nil:
		t.fail("%w", err)
		t.open = true
		return
	case !landing.Unchanged(info.Stamp, t.expect):
		t.raced = true
	case g.written():
		t.busy = true
	case t.unfold:
		b.lookInside(t)
	}
	if t.over() {
		b.back(t)
		return
	}
	if !t.unfold {
		out := t.rec.Ours
		if t.job.Repair {
			out = t.job.Damaged
		}
		kept, err := landing.Keep(b.files, t.staged, landing.KeptName(b.head, int(t.intent.ID), out))
		if err != nil {
			t.fail("keep what was there: %w", err)
			b.back(t)
			return
		}
		t.out = &landing.Displaced{Held: kept.Name, Entry: out, Reason: t.reason()}
	}
	b.landed(t)
}

// lookInside looks once more at a directory that came out whole.
func (b *batch) lookInside(t *task) {
	inside, err := b.files.Inside(t.staged)
	if err == nil {
		err = b.env.Explained(b.ctx, b.st, inside, index.Root, t.path)
		err = errors.Join(err, inside.Close())
	}
	if err != nil {
		t.blocked(err)
	}
}

// blocked says why a directory cannot be replaced.
func (t *task) blocked(err error) {
	t.raced = errors.Is(err, vfs.ErrChanged)
	t.busy = errors.Is(err, vfs.ErrBusy)
	if !t.busy {
		t.fail("%w", err)
	}
}

// back undoes a swap. If that is not possible, what came out is kept.
func (b *batch) back(t *task) {
	t.out = nil
	undone, err := landing.Back(b.files, t.staged, t.path, func(s index.Stamp) bool {
		return landing.Unchanged(s, t.stamp)
	})
	if err == nil && undone && t.entry.Kind == index.Dir {
		var left bool
		left, err = landing.ReturnInside(b.files, t.staged, t.path)
		undone = !left
	}
	if err == nil && undone {
		return
	}
	t.raced = true
	if err == nil {
		var kept vfs.Held
		entry := b.env.KnownAs(b.files, t.staged)
		kept, err = landing.Keep(b.files, t.staged, landing.KeptName(b.head, int(t.intent.ID), entry))
		t.out = &landing.Displaced{Held: kept.Name, Entry: entry, Reason: index.Raced}
	}
	if err != nil {
		t.fail("put back what was saved meanwhile: %w", err)
		t.out, t.open = nil, true
	}
}
