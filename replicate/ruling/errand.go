package ruling

import (
	"fmt"

	"duet/diff"
	"duet/replicate/install"
	"duet/replicate/report"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// Errand is one path of an order on its way.
type Errand struct {
	Path index.Path
	Held bool
	Ours bool // our side was chosen

	child bool // it comes back with its directory
	whole bool // of a wish: a directory gives way with all that is in it

	from index.Path // where the peer has the content; Root: at Path
	key  index.Path // of a wish: the path that it was made for

	want  *index.Entry // what the path is to be; only its content and metadata count
	entry *index.Entry // ours once it is done
	rec   *index.Record
	rival *index.Entry // the peer's side of a held conflict; nil if it is not held

	was    *index.Ruled // what is taken back; nil if nothing is
	forget bool         // taking it back claims no knowledge of the peer's side

	local  install.Source // where a file's content is; zero and needs set: at the peer
	needs  bool           // it has to be staged
	staged vfs.Held
	skip   string // why nothing is done
	err    error
}

// Needs reports whether the content has to come from the peer.
func (e *Errand) Needs() bool { return e.skip == "" && e.needs && e.local.IsZero() }

// Bytes is how much content has to be staged.
func (e *Errand) Bytes() int64 {
	if !e.needs || e.want == nil {
		return 0
	}
	return e.want.Size
}

// clerk makes errands, in one transaction.
type clerk struct {
	d     *Desk
	tx    *store.Tx
	epoch index.Epoch
	seq   index.Seq           // of all edits of this order that are not journalled yet
	made  map[index.Path]bool // directories that wishes before make
}

func (d *Desk) clerk(tx *store.Tx) (*clerk, error) {
	m, err := tx.Meta()
	return &clerk{d, tx, m.Epoch, tx.Head() + 1, map[index.Path]bool{}}, err
}

// errand decides what an order makes of one path.
func (k *clerk) errand(o *Order, p index.Path) (*Errand, error) {
	self := k.d.Book.Policy.Self
	c, err := CaseOf(k.tx, p, self)
	if err != nil {
		return nil, err
	}
	e := &Errand{Path: p}
	if c == nil {
		e.skip = "no conflict is open there any more"
		return e, nil
	}
	e.Held, e.rec = c.Held, c.Record
	switch {
	case k.d.Book.Ignores(c.Record):
		e.skip = "one of the nodes ignores it"
	case c.Record.Next == index.Take:
		e.skip = fmt.Sprintf("%s has changed it since, and that is not here yet: try again when it is", k.d.Peer)
	default:
		var why error
		if e.Ours, why = o.Take.Ours(c.Dispute, self); why != nil {
			e.skip = why.Error()
		}
	}
	if e.skip != "" {
		return e, nil
	}
	if c.Held {
		e.rival = c.Record.Theirs
	}
	switch {
	case c.Held && e.Ours:
		e.want = c.Record.Ours
	case c.Held:
		e.want = e.rival
	case e.Ours == c.OursWon:
		e.want = c.Record.Ours // also if somebody has gone on with it since
	default:
		e.want = c.Last().Loser
	}
	if e.want == nil {
		e.want = &index.Entry{Kind: index.Gone} // there is nothing, nor a memory of it
	}
	e.entry = diff.Ruled(e.want, c.Record.Ours, e.rival, c.upto(), self, k.epoch, k.seq)
	return e, k.supply(e, o.Force)
}

// supply finds out where the content comes from, and what is in the way.
func (k *clerk) supply(e *Errand, force bool) error {
	now := e.rec.Ours
	if now.LiveKind() == index.Dir && e.want.LiveKind() != index.Dir {
		n, err := k.inside(e.Path)
		if err != nil {
			return err
		}
		if n > 0 && !force {
			e.skip = fmt.Sprintf("it is a directory with %s in it, which would be kept and taken away with it: to do that, name it and add --force", report.Count(n, "path"))
			return nil
		}
	}
	if e.want.Live() && e.was == nil { // what is taken back may come back with its directory
		if above, err := k.blocked(e.Path); err != nil || above != index.Root {
			e.skip = fmt.Sprintf("%v is no directory now: move it away first", above)
			return err
		}
	}
	if e.want.Kind != index.File || index.SameContent(e.want, now) {
		return nil
	}
	e.needs = true
	var err error
	e.local, err = k.local(e.Path, e.want)
	return err
}

// inside counts what is live below a directory.
func (k *clerk) inside(dir index.Path) (n int64, err error) {
	for r, err := range k.tx.Under(dir) {
		if err != nil {
			return 0, err
		}
		if r.Ours.Live() {
			n++
		}
	}
	return n, nil
}

// blocked returns the nearest path above p that is something else than a
// directory; Root if there is none.
func (k *clerk) blocked(p index.Path) (index.Path, error) {
	for d := p.Parent(); d != index.Root; d = d.Parent() {
		r, err := k.tx.Get(d)
		if err != nil {
			return index.Root, err
		}
		switch {
		case k.made[d]:
			return index.Root, nil
		case r == nil || !r.Ours.Live():
		case r.Ours.Kind == index.Dir:
			return index.Root, nil
		default:
			return d, nil
		}
	}
	return index.Root, nil
}

// local finds a content on this node: best among the kept versions of the path
// itself.
func (k *clerk) local(p index.Path, want *index.Entry) (install.Source, error) {
	held := func(kept *index.Kept) bool {
		return kept != nil && kept.Held != "" && index.SameContent(kept.Entry, want)
	}
	for id := range k.tx.KeptOf(p) {
		kept, err := k.tx.GetKept(id)
		if err != nil {
			return install.Source{}, err
		}
		if held(kept) {
			return install.Source{Held: vfs.Held{Area: vfs.Kept, Name: kept.Held}}, nil
		}
	}
	kept, err := k.tx.KeptByHash(want.Hash)
	if err != nil || held(kept) {
		if err == nil {
			return install.Source{Held: vfs.Held{Area: vfs.Kept, Name: kept.Held}}, nil
		}
		return install.Source{}, err
	}
	for q, err := range k.tx.ByHash(want.Hash, want.Size) {
		return install.Source{Path: q}, err
	}
	return install.Source{}, nil
}
