package rounds

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"duet/replicate/report"
	"duet/store"
	"duet/store/index"
)

// group is the deletes that exceed one bound: they wait together, and are
// approved or rejected together.
type group struct {
	report.Group
	leave store.Leave // what an approval of it says
}

// withheld says for each bound whether the deletes that it holds wait. If a bound
// is exceeded, those within it are not asked: all that it holds is one group.
type withheld []bool

// of counts the removals that wait.
func (w withheld) of(todo removals) (n int64) {
	for i, shut := range w {
		if shut {
			n += todo.open[i].n
		}
	}
	return n
}

// withholds reports whether the delete of rec waits for approval.
func (k *picking) withholds(rec *index.Record) bool {
	if k.rounds.approves(rec) {
		return false
	}
	for i, shut := range k.shut {
		if shut && k.rounds.Bounds[i].Holds(rec.Path) {
			return true
		}
	}
	return false
}

// withhold finds the bounds that the removals which nobody approved exceed; then
// all that these hold wait.
func (r *Rounds) withhold(tx *store.Tx, todo removals, now time.Time) (withheld, error) {
	shut := make(withheld, len(r.Bounds))
	var groups []group
	for i, b := range r.Bounds {
		if todo.open[i].n == 0 || r.within(shut, i) {
			continue
		}
		deletes := todo.open[i].n + r.deleted[i].Sum(now)
		total, err := r.total(tx, i, deletes, now)
		if err != nil {
			return nil, err
		}
		if b.Limit.Exceeded(deletes, total) {
			shut[i] = true
			groups = append(groups, r.group(i, todo.open[i], total, deletes-todo.open[i].n))
		}
	}
	r.show(groups)
	return shut, nil
}

// needed is up to where both journals were looked at.
type needed struct{ head, heard index.Seq }

// keepNeeded keeps alive the directories among what waits that cannot go, approved
// or not, as something in them is to stay: the peer waits for them, to put that
// there.
func (k *picking) keepNeeded() error {
	now := needed{k.tx.Head(), k.m.Heard}
	if !slices.Contains(k.shut, true) || k.rounds.needed == now {
		return nil
	}
	k.rounds.needed = now
	var empty index.Path // a directory in which nothing is to stay
	for r, err := range k.tx.Todo(index.Root) {
		if err != nil {
			return err
		}
		if r.Ours.LiveKind() != index.Dir || empty != index.Root && r.Path.Under(empty) {
			continue
		}
		if !k.rounds.Book.Doomed(r) || !k.withholds(r) || k.rounds.rejects(r) || k.rounds.reserved(r) || k.rounds.flying[r.Path] {
			continue
		}
		stays, _, err := k.below(r.Path)
		if err != nil {
			return err
		}
		if empty = r.Path; stays {
			empty = index.Root
			k.rounds.Revive(r.Path)
		}
	}
	return nil
}

// within reports whether a bound is within one that is exceeded.
func (r *Rounds) within(shut withheld, i int) bool {
	for j, is := range shut[:i] {
		if is && r.Bounds[j].Holds(r.Bounds[i].Dir) {
			return true
		}
	}
	return false
}

// total counts what is live at and below a bound's directory, and what was until
// lately; no further than it takes to see that so many deletes do not exceed it.
func (r *Rounds) total(tx *store.Tx, i int, deletes int64, now time.Time) (int64, error) {
	b, n := r.Bounds[i], r.deleted[i].Sum(now)
	if b.Dir == index.Root {
		c, err := tx.Counts()
		return n + c.Files + c.Dirs + c.Links, err
	}
	own, err := tx.Get(b.Dir)
	if err != nil {
		return 0, err
	}
	if own != nil && own.Ours.Live() {
		n++
	}
	if !b.Limit.Exceeded(deletes, n) {
		return n, nil
	}
	for rec, err := range tx.Under(b.Dir) {
		if err != nil {
			return 0, err
		}
		if rec.Ours.Live() {
			n++
		}
		if !b.Limit.Exceeded(deletes, n) && n > deletes {
			break
		}
	}
	return n, nil
}

// group makes one of the removals that exceed a bound, with n that were done
// lately.
func (r *Rounds) group(i int, o open, total, n int64) group {
	b := r.Bounds[i]
	g := report.Group{Deletes: o.n, Total: total, Limit: b.Limit.String()}
	lately := ""
	if n > 0 {
		lately = fmt.Sprintf(" with the %d just before", n)
	}
	id := uint32(r.Names) ^ uint32(o.upto)
	if b.Dir == index.Root {
		g.Reason = fmt.Sprintf("%s deleted %d of %s%s, more than max_delete %v", r.Peer, o.n, report.Count(total, "path"), lately, b.Limit)
	} else {
		g.Under = b.Dir.String()
		g.Reason = fmt.Sprintf("%s deleted %d of %s at and below %v%s, more than %v", r.Peer, o.n, report.Count(total, "path"), b.Dir, lately, b.Limit)
		h := fnv.New32a()
		h.Write([]byte(b.Dir))
		id ^= h.Sum32()
	}
	g.ID = fmt.Sprintf("%08x", id)
	return group{g, store.Leave{Under: b.Dir, Upto: o.upto}}
}

// show takes note of what waits, and says it once.
func (r *Rounds) show(groups []group) {
	same := func(a, b group) bool { return a.leave == b.leave && a.Deletes == b.Deletes }
	if slices.EqualFunc(groups, r.groups, same) && (r.waiting != nil) == (len(groups) > 0) {
		return
	}
	r.groups, r.waiting = groups, r.describe(groups)
	told := map[string]bool{}
	for _, g := range groups {
		told[g.ID] = true
		r.Log.Warn("deletes wait for approval", "deletes", g.Deletes, "of", g.Total, "under", g.Under, "limit", g.Limit, "id", g.ID)
		if !r.told[g.ID] { // else it was before the connection was cut
			r.Journal(index.Withheld, index.ByRule, r.Book.Policy.Peer, g.note()+", more than max_delete "+g.Limit+": "+g.ID)
		}
	}
	if len(groups) > 0 {
		r.told = told
	}
}

// note says, for the journal, which deletes these are.
func (g group) note() string {
	note := fmt.Sprintf("%s of %s", report.Count(g.Deletes, "delete"), report.Count(g.Total, "path"))
	if g.Under != "" {
		note += " at and below " + g.Under
	}
	return note
}

// describe says to people what waits, and what to do.
func (r *Rounds) describe(groups []group) *report.Waiting {
	if len(groups) == 0 {
		return nil
	}
	w := &report.Waiting{}
	ids, reasons := "", []string{}
	for _, g := range groups {
		w.Groups = append(w.Groups, g.Group)
		w.Deletes += g.Deletes
		w.Total += g.Total
		ids += g.ID
		reasons = append(reasons, g.Reason)
	}
	if len(groups) == 1 {
		w.ID = groups[0].ID
		w.Reason = fmt.Sprintf("%s: look at 'duet recover %s --dry-run', then 'duet approve %s', or 'duet reject %s' to bring them back on %s",
			reasons[0], r.Share, r.Share, r.Share, r.Peer)
		return w
	}
	h := fnv.New32a()
	h.Write([]byte(ids))
	w.ID = fmt.Sprintf("%08x", h.Sum32())
	w.Reason = fmt.Sprintf("%s: each has an id and is decided by itself; look at 'duet recover %s --dry-run', then 'duet approve %s ID', or 'duet reject %s ID' to bring them back on %s",
		strings.Join(reasons, "; "), r.Share, r.Share, r.Share, r.Peer)
	return w
}

// Waiting is what waits for a person's approval; nil if nothing does.
func (r *Rounds) Waiting() *report.Waiting { return r.waiting }

// WaitsWith is the group of deletes that wait to which p belongs, if that is to
// be deleted; nil if there is none.
func (r *Rounds) WaitsWith(p index.Path) *report.Waiting {
	for _, g := range r.groups {
		if r.waiting != nil && (g.leave.Under == index.Root || p == g.leave.Under || p.Under(g.leave.Under)) {
			return &report.Waiting{ID: g.ID, Deletes: g.Deletes, Total: g.Total, Reason: g.Reason}
		}
	}
	return nil
}

// Answer is what a person says who approves, or rejects, what has that id: one
// group of deletes, or all that wait; "" is whatever waits. It is for what the
// person was shown: what was heard since then has to be shown too.
func (r *Rounds) Answer(id string, reject bool) (said []store.Leave, note string, err error) {
	w := r.waiting
	if w == nil {
		return nil, "", errors.New("nothing waits for approval: 'duet status' shows what does")
	}
	var notes, ids []string
	for _, g := range r.groups {
		ids = append(ids, g.ID+": "+g.Reason)
		if id != "" && id != w.ID && id != g.ID {
			continue
		}
		leave := g.leave
		leave.Reject = reject
		said = append(said, leave)
		notes = append(notes, g.note()+", "+g.ID)
	}
	if said == nil {
		return nil, "", fmt.Errorf("%s does not wait any more; what waits now is %s", id, strings.Join(ids, "; "))
	}
	return said, strings.Join(notes, "; "), nil
}

// Said says what people have said of deletes, instead of what was known of that.
func (r *Rounds) Said(leaves []store.Leave) {
	r.leaves, r.waiting = leaves, nil
	r.Kick()
}

// Leave takes note of what a person said of deletes that wait.
func (r *Rounds) Leave(leaves ...store.Leave) {
	r.leaves = append(slices.Clip(r.leaves), leaves...)
	r.waiting = nil
	r.Kick()
}

// Leaves returns what people have said of deletes.
func (r *Rounds) Leaves() []store.Leave { return r.leaves }

// Lately returns how many removals of each bound were done lately: they count
// for it.
func (r *Rounds) Lately(now time.Time) []int64 {
	var n []int64
	for i := range r.Bounds {
		n = append(n, r.deleted[i].Sum(now))
	}
	return n
}
