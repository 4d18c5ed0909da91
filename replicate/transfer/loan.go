package transfer

import (
	"duet/scan/vfs"
)

// Where the filesystem shares blocks between files (btrfs, XFS, bcachefs), what a new
// version has in common with the old one is not written again. The old one is
// borrowed first, as it is at this moment, so that what is read and hashed is what
// is shared, whoever writes to the original meanwhile.

// lender is a vfs.Files whose filesystem may share blocks: a vfs.Tree.
type lender interface {
	Borrow(c vfs.Content, h vfs.Held) error
}

// copier is a vfs.Draft that takes over parts of another file.
type copier interface {
	Copy(c vfs.Content, off, n int64) error
}

// loan is a stretch of what was borrowed that is hashed, and not yet in the draft:
// the longer it is, the more of it are whole blocks.
type loan struct {
	lent    vfs.Content
	from, n int64
}

// maxLoan is how much is added at a time.
const maxLoan = 64 << 20

func (a *assembly) loaned() vfs.Held {
	return vfs.Held{Area: vfs.Stage, Name: a.j.hash.String() + ".lent"}
}

// borrow returns base as it is now, for sharing; nil if that cannot be.
func (a *assembly) borrow(base vfs.Content) vfs.Content {
	files, can := a.f.opt.Files.(lender)
	if _, takes := a.j.draft.(copier); !can || !takes || files.Borrow(base, a.loaned()) != nil {
		return nil
	}
	lent, err := a.f.opt.Files.OpenHeld(a.loaned())
	if err != nil {
		_ = a.f.opt.Files.RemoveHeld(a.loaned()) // what cannot be removed now goes at the next start
		return nil
	}
	a.lent = lent
	return lent
}

// giveBack ends borrowing, when nobody plans or writes any more.
func (a *assembly) giveBack() {
	if a.lent != nil {
		a.lent.Close()
		_ = a.f.opt.Files.RemoveHeld(a.loaned()) // as above
	}
}

// share takes note of a part that was borrowed.
func (a *assembly) share(p *part) error {
	if o := &a.owed; o.lent != p.lent || o.from+o.n != p.from || o.n >= maxLoan {
		if err := a.settle(); err != nil {
			return err
		}
		*o = loan{p.lent, p.from, 0}
	}
	a.owed.n += p.size
	a.j.got += p.size
	return nil
}

// settle adds what was borrowed and is not in the draft.
func (a *assembly) settle() error {
	o := a.owed
	a.owed = loan{}
	if o.n == 0 {
		return nil
	}
	return a.j.draft.(copier).Copy(o.lent, o.from, o.n)
}
