package rounds

import (
	"errors"
	"fmt"
	"time"

	"duet/diff"
	"duet/replicate/book"
	"duet/replicate/install"
	"duet/replicate/transfer"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// picking is one look through what is to do, for one batch.
type picking struct {
	rounds *Rounds
	tx     *store.Tx
	m      Moment
	b      *Batch
	links  bool                // symlinks, and what stops being a directory, too
	later  bool                // something was left for when these may be
	made   map[index.Path]bool // directories that this batch makes
	fresh  map[index.Path]bool // of these, true: where nothing is
	dir    index.Path          // the last one that parent was asked for
	isDir  bool                // and what it said
	used   map[index.Path]bool // sources of moves in this batch
	taken  map[index.Path]bool // by the batch that removals are to go with

	shut withheld // which removals wait for approval; nil if that was not asked
}

// pick makes the next batch from the paths behind the cursor, contents first.
// end reports that the walk has reached the end of what is to do; the batch is
// nil if nothing on the way can be done now.
func (r *Rounds) pick(m Moment) (b *Batch, end bool, err error) {
	if r.batches > 0 {
		r.links = false // of what they depend on something is on its way again
	}
	if r.cursor == index.Root && !r.links {
		r.later = false
	}
	b, end, later, err := r.pickFrom(r.cursor, m, r.links)
	r.later = r.later || later
	if err != nil || b != nil || !end || !r.later || r.batches > 0 || r.links {
		return b, end, err
	}
	// Whatever links and type changes may depend on is in place.
	r.cursor, r.links = index.Root, true
	b, end, _, err = r.pickFrom(r.cursor, m, r.links)
	return b, end, err
}

func (r *Rounds) picking(m Moment, links bool) *picking {
	b := newBatch()
	return &picking{
		rounds: r, m: m, links: links, made: map[index.Path]bool{}, fresh: map[index.Path]bool{}, used: map[index.Path]bool{}, b: b,
	}
}

func (r *Rounds) pickFrom(from index.Path, m Moment, links bool) (b *Batch, end, later bool, err error) {
	k := r.picking(m, links)
	end = true
	upto := r.passed + maxPassed
	err = r.Book.Store.View(func(tx *store.Tx) error {
		k.tx = tx
		for rec, err := range tx.Todo(from) {
			if err != nil {
				return err
			}
			if k.full() || r.passed >= upto && !(k.moves() && r.passed < upto+maxPassed) {
				end = false
				break
			}
			r.cursor = rec.Path
			r.passed++
			if r.mark == index.Root || rec.Path.Compare(r.mark) > 0 {
				r.fore++
			}
			if err := k.consider(rec); err != nil {
				return err
			}
		}
		return k.joinMoves()
	})
	k.nest()
	if len(k.b.Jobs)+len(k.b.Settle) == 0 {
		k.b = nil
	}
	return k.b, end, k.later, err
}

// full reports whether the batch has as much as it may have. What is only moved
// here costs little, and a directory is best moved with all that is in it.
func (k *picking) full() bool {
	n, most := len(k.b.Jobs)+len(k.b.Settle), maxBatch
	if k.moves() {
		most = maxMoves
	}
	return n >= most || k.b.bytes >= maxBatchBytes || k.b.along >= maxBatchAlong || k.b.big
}

// moves reports whether what is in the batch is moved here, most of it.
func (k *picking) moves() bool {
	return len(k.b.wants)+len(k.b.copies)+len(k.b.small) == 0 && len(k.used) > (len(k.b.Jobs)+len(k.b.Settle))/2
}

// consider adds r to the batch if it can be done now.
func (k *picking) consider(r *index.Record) error {
	p := r.Path
	if k.rounds.busy(p, k.m.Now) || k.rounds.Trouble.InCrowd(p, r.Heard, k.m.Now) || k.used[p] {
		return nil
	}
	v := k.rounds.Book.Decide(r)
	switch v.Act {
	case diff.Take, diff.TakeOver:
	default:
		if !k.rounds.Book.Postponed(r, v) {
			k.b.Settle = append(k.b.Settle, p)
		}
		return nil
	}
	if v.Entry.Kind == index.Gone {
		k.rounds.met.add(k.tx, r)
		return nil // removals come last
	}
	if held, err := book.UnderHeld(k.tx, p); err != nil || held || k.untold(r, v) {
		return err
	}
	if ok, err := k.parent(p.Parent()); err != nil || !ok {
		return err
	}
	if ok, err := k.mayBe(r, v); err != nil || !ok {
		return err
	}
	was := r.Ours.LiveKind()
	if v.Entry.Kind == index.Symlink || was != 0 && was != v.Entry.Kind && v.Entry.Kind != index.Dir {
		if !k.links {
			k.later = true
			return nil
		}
	}
	if was == index.Dir && v.Entry.Kind != index.Dir {
		k.b.yields = true
		if ok, err := k.vacant(r, v); err != nil || !ok {
			return err
		}
	}
	return k.add(r, v)
}

// mayBe reports whether a person lets it happen: it has not been left out of a
// plan, or is a directory for something that has not.
func (k *picking) mayBe(r *index.Record, v diff.Verdict) (bool, error) {
	if !k.rounds.Book.Reserved(r, v) {
		return true, nil
	}
	return k.rounds.Book.Needed(k.tx, r, v)
}

// busy reports whether p is to be left alone for now.
func (r *Rounds) busy(p index.Path, now time.Time) bool {
	return r.flying[p] || r.Trouble.Waits(p, now) || r.Trouble.Blocked(p)
}

// parent reports whether the directory that is to hold a path is there, or
// will be before its contents in this batch. Of those that it has looked up it
// remembers one: what is in a directory mostly comes together, and a peer may
// announce a million paths in as many directories.
func (k *picking) parent(dir index.Path) (bool, error) {
	switch {
	case dir == index.Root || k.made[dir]:
		return true, nil
	case dir == k.dir:
		return k.isDir, nil
	}
	r, err := k.tx.Get(dir)
	if err != nil {
		return false, err
	}
	k.dir, k.isDir = dir, r != nil && r.Ours.LiveKind() == index.Dir
	return k.isDir, nil
}

// vacant reports whether a directory may give way to a file or link: all that
// is below it goes too. If something below is to stay, so does the directory.
func (k *picking) vacant(r *index.Record, v diff.Verdict) (bool, error) {
	if !k.m.Drained {
		return false, nil
	}
	stays, waits, err := k.below(r.Path)
	if err != nil {
		return false, err
	}
	if stays {
		k.rounds.Revive(r.Path)
		return false, nil
	}
	n, err := k.countBelow(r.Path)
	if err != nil || waits {
		return false, err
	}
	if n[0] == 0 {
		return true, nil
	}
	if err := k.ask(); err != nil {
		return false, err
	}
	for i, shut := range k.shut {
		if shut && n[i] > 0 {
			return false, nil
		}
	}
	k.b.vacated[r.Path] = n
	return true, nil
}

// ask finds out which removals wait for approval. All of them count: else a tree
// could be emptied directory by directory, a file in place of each.
func (k *picking) ask() error {
	if k.shut != nil {
		return nil
	}
	todo, err := k.rounds.removalsIn(k.tx)
	if err == nil {
		k.shut, err = k.rounds.withhold(k.tx, todo, k.m.Now)
	}
	return err
}

// below looks at the live records below a directory that is to go: stays, if
// one of them is not to be deleted; waits, if one cannot be now.
func (k *picking) below(dir index.Path) (stays, waits bool, err error) {
	for p := range k.taken {
		if waits = p.Under(dir); waits {
			break
		}
	}
	for live, err := range k.tx.LiveUnder(dir) {
		if err != nil {
			return false, false, err
		}
		if k.b.removals[live.Path] || k.taken[live.Path] {
			continue // goes along, or is waited for
		}
		c, err := k.rounds.met.get(k.tx, live.Path)
		switch {
		case err != nil:
			return false, false, err
		case !k.rounds.Book.Doomed(c), k.rounds.rejects(c):
			return true, false, nil
		case k.rounds.busy(c.Path, k.m.Now), k.withholds(c), k.rounds.reserved(c):
			waits = true
		}
	}
	return false, waits, nil
}

// countBelow counts, for each bound, what is live below dir and not approved to
// be deleted.
func (k *picking) countBelow(dir index.Path) ([]int64, error) {
	n := make([]int64, len(k.rounds.Bounds))
	for c, err := range k.tx.Under(dir) {
		if err != nil {
			return nil, err
		}
		if !c.Ours.Live() || k.rounds.approves(c) {
			continue
		}
		for i, b := range k.rounds.Bounds {
			if b.Holds(c.Path) {
				n[i]++
			}
		}
	}
	return n, nil
}

// add makes a job of a record.
func (k *picking) add(r *index.Record, v diff.Verdict) error {
	rs, e := k.rounds, v.Entry
	if e.Kind == index.Dir && !r.Ours.Live() && !k.m.Drained {
		if wait, err := k.comesMoved(r.Path); err != nil || wait {
			return err
		}
	}
	j := k.job(r, v)
	if e.Kind == index.Dir {
		k.made[r.Path], k.fresh[r.Path] = true, !r.Ours.Live()
		if k.fresh[r.Path] {
			k.b.metas[r.Path] = rs.Meta(e, r)
		}
	}
	if e.Kind != index.File || index.SameContent(r.Ours, e) {
		k.b.Jobs = append(k.b.Jobs, j)
		return nil
	}
	if content, ok := rs.along.Get(r.Path, e.Hash); ok || e.Size == 0 {
		j.Staged = rs.stageName()
		k.b.small[r.Path], k.b.metas[r.Path] = content, rs.Meta(e, r)
		k.b.along += int64(len(content))
		k.b.Jobs = append(k.b.Jobs, j)
		return nil
	}
	if rs.fetching[e.Hash] || k.wanted(e.Hash) {
		return nil // on its way for another path: it will be here to copy
	}
	if wait, err := k.mayBeMoved(e); err != nil || wait {
		return err
	}
	src, moved, err := k.local(r, e)
	if err != nil {
		return err
	}
	if tries, err := rs.Trouble.Failed(r.Path); tries > 1 && errors.Is(err, install.ErrContent) {
		src = nil // it is not what the index thinks; fetch it
	}
	switch {
	case moved != nil:
		k.move(&j, moved)
	case src != nil:
		j.Staged = rs.stageName()
		k.b.copies = append(k.b.copies, copying{len(k.b.Jobs), *src, rs.Meta(e, r)})
		k.b.Sources[r.Path] = src.Path
		k.b.bytes += e.Size
	default:
		if e.Size >= bigFile && (rs.big >= maxBig || len(k.b.Jobs) > 0) {
			return nil // another batch lands first, and then there is another look
		}
		like, err := k.like(r, e)
		if err != nil {
			return err
		}
		j.Staged = rs.stageName()
		k.b.wants = append(k.b.wants, transfer.Want{
			Path: r.Path, Hash: e.Hash, Size: e.Size, Meta: rs.Meta(e, r), Staged: j.Staged.Name, Like: like,
		})
		k.b.bytes += e.Size
		k.b.big = e.Size >= bigFile
	}
	k.b.Jobs = append(k.b.Jobs, j)
	return nil
}

// job is what the writer lane is asked to do for one path.
func (k *picking) job(rec *index.Record, v diff.Verdict) install.Job {
	j := install.Job{
		Path: rec.Path, Entry: v.Entry, By: k.rounds.Book.Policy.Peer, What: index.Adopted, How: index.ByPeer, Rule: v.Line,
		Known: rec, At: k.tx.Moment(),
	}
	if v.Conflict && rec.Ours.Live() {
		if j.Reason = index.LostConflict; v.Line == diff.LineChosen {
			j.Reason = index.Overruled
		}
		j.Conflict = &index.Conflict{Winner: v.Entry, Loser: rec.Ours, Rule: v.Line}
	}
	return j
}

func (k *picking) wanted(h index.Hash) bool {
	for i := range k.b.wants {
		if k.b.wants[i].Hash == h {
			return true
		}
	}
	return false
}

// mayBeMoved reports whether e's content is to be waited for: it is here, and
// when all is heard it may turn out to have been renamed.
func (k *picking) mayBeMoved(e *index.Entry) (bool, error) {
	if k.m.Drained {
		return false, nil
	}
	if k.tx.Holds(e.Hash) {
		return true, nil
	}
	kept, err := k.tx.KeptByHash(e.Hash)
	return kept != nil && kept.Held != "" && kept.Entry.Size == e.Size, err
}

// local looks for e's content on this node: best in a file that is to be
// deleted, which is then moved; else in any other, or among the kept versions.
func (k *picking) local(r *index.Record, e *index.Entry) (*install.Source, *index.Record, error) {
	if from, err := k.renamed(r, e); err != nil || from != nil {
		return nil, from, err
	}
	var src *install.Source
	tried := 0
	for p, err := range k.tx.ByHash(e.Hash, e.Size) {
		if err != nil {
			return nil, nil, err
		}
		if tried++; tried > 64 {
			break
		}
		if k.rounds.flying[p] || k.used[p] {
			continue
		}
		c, err := k.tx.Get(p)
		if err != nil {
			return nil, nil, err
		}
		if c == nil || c.Ours.LiveKind() != index.File || c.Ours.Hash != e.Hash {
			continue
		}
		if ok, err := k.movable(r, c); err != nil || ok {
			return nil, c, err
		}
		if src == nil {
			src = &install.Source{Path: p}
		}
	}
	if src != nil {
		return src, nil, nil
	}
	kept, err := k.tx.KeptByHash(e.Hash)
	if err == nil && kept != nil && kept.Held != "" && kept.Entry.Size == e.Size {
		src = &install.Source{Held: vfs.Held{Area: vfs.Kept, Name: kept.Held}}
	}
	return src, nil, err
}

// renamed is what the peer says that r was before, if that has e's content here
// and can be moved. It is only where to look first.
func (k *picking) renamed(r *index.Record, e *index.Entry) (*index.Record, error) {
	p := r.Noticed.Other
	if p == index.Root || p == r.Path || k.rounds.flying[p] || k.used[p] {
		return nil, nil
	}
	c, err := k.rounds.met.get(k.tx, p)
	if err != nil || c == nil || c.Ours.LiveKind() != index.File || c.Ours.Hash != e.Hash || c.Ours.Size != e.Size {
		return nil, err
	}
	if ok, err := k.movable(r, c); err != nil || !ok {
		return nil, err
	}
	return c, nil
}

// movable reports whether c, which has the content of r, is to be deleted and may
// be moved there.
func (k *picking) movable(r, c *index.Record) (bool, error) {
	if r.Ours.Live() || !k.m.Drained || !k.rounds.Book.Movable(c) || k.rounds.Trouble.Waits(c.Path, k.m.Now) || k.rounds.rejects(c) {
		return false, nil
	}
	held, err := book.UnderHeld(k.tx, c.Path)
	return err == nil && !held, err
}

// move turns j into a move of what is to be deleted anyway.
func (k *picking) move(j *install.Job, from *index.Record) {
	v := k.rounds.Book.Decide(from)
	j.From, j.FromEntry, j.FromRule, j.KnownFrom = from.Path, v.Entry, v.Line, from
	k.used[from.Path] = true
}

// stageName returns a name in the stage that was not used before.
func (r *Rounds) stageName() vfs.Held {
	r.serial++
	return vfs.Held{Area: vfs.Stage, Name: fmt.Sprintf("%x-%d.new", r.Names, r.serial)}
}
