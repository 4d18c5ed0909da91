// Package explain answers, of one path, the questions of somebody who wonders:
// what is it here, there, and what was it when both last agreed; who has to move,
// and by which line of the decision table; is it ignored, and by which rule of
// which file; does something stand in the way; and, of a path that is not there,
// whether anybody ever heard of it, who deleted it, when, how that was noticed,
// and how to get it back.
//
// The answer is one value, the same whether the daemon makes it or the command
// does, from the index of a stopped one. It costs a few look-ups, however large
// the index is.
package explain

import (
	"fmt"

	"duet/cmd/duet/inspect"
	"duet/diff"
	"duet/replicate/report"
	"duet/store"
	"duet/store/index"
)

// Question is about one path of one share.
type Question struct {
	Share string `json:"share"`
	Path  string `json:"path"` // raw
}

// Setting is what the configuration says of the share, and the daemon of the
// path just now.
type Setting struct {
	Self, Peer string // names of the nodes
	Root       string // the share's directory
	Conflict   string
	Deletes    string
	Ignore     []string
	IgnoredAt  []string // where each line of Ignore was written

	Live *report.Moment // nil: no daemon runs
}

// Answer is all that can be said of a path.
type Answer struct {
	Share   string `json:"share"`
	Path    string `json:"path"` // escaped
	Self    string `json:"self"`
	Peer    string `json:"peer"`
	Is      string `json:"is"`      // here, there (on the peer only), deleted, unsynced (on disk only), unknown
	Summary string `json:"summary"` // the same in a sentence
	Running bool   `json:"running"` // a daemon has answered

	Disk *Disk `json:"disk"` // what is there now

	Ours   *inspect.Entry `json:"ours"`   // null: not here
	Base   *inspect.Entry `json:"base"`   // null: never agreed
	Theirs *inspect.Entry `json:"theirs"` // null: never heard

	Since   []string `json:"since"`             // what each side did since both agreed, in words
	Verdict *Verdict `json:"verdict,omitempty"` // left out if nothing is known of the path

	Ignored []Ignored      `json:"ignored"`           // by each of the nodes, at most
	Now     *report.Moment `json:"now,omitempty"`     // what the daemon has to do with it
	Blocked string         `json:"blocked,omitempty"` // what the index has above it, that nothing can be below

	Gone *Gone `json:"gone,omitempty"` // of a path that was deleted

	Events    []inspect.Event    `json:"events"` // the last ten, newest first
	Older     bool               `json:"older"`  // there are more
	Kept      []inspect.Kept     `json:"kept"`   // newest first
	Conflicts []inspect.Conflict `json:"conflicts"`
	Near      []Near             `json:"near"` // other paths that may be meant
	Do        []string           `json:"do"`   // what can be done, in words and commands
}

// Verdict is what the two nodes are to do about the path, and why.
type Verdict struct {
	Here     string `json:"here"`  // what this node does
	There    string `json:"there"` // what the peer does
	Rule     string `json:"rule"`  // line of the decision table
	Means    string `json:"means"`
	Conflict bool   `json:"conflict"`
	Next     string `json:"next"` // who has to move: nothing, take, wait, held, left
	Policy   string `json:"policy"`
	Deletes  string `json:"deletes"`
}

// asking is a question at work.
type asking struct {
	Question
	Setting
	tx    *store.Tx
	path  index.Path
	meta  store.Meta
	names inspect.Names
	rec   *index.Record // nil: the index has none
	trail []index.Event // newest first
	out   *Answer
}

// trailRead bounds what is read of a path's history: some ten milliseconds' worth.
const trailRead = 1000

// lastEvents is how many events an Answer has.
const lastEvents = 10

// Explain answers q.
func Explain(tx *store.Tx, q Question, s Setting) (*Answer, error) {
	p, err := index.ParsePath(q.Path)
	if err != nil {
		return nil, err
	}
	a := &asking{Question: q, Setting: s, tx: tx, path: p}
	if a.meta, err = tx.Meta(); err != nil {
		return nil, err
	}
	a.names = inspect.NewNames(s.Self, s.Peer, a.meta)
	if a.rec, err = tx.Get(p); err != nil {
		return nil, err
	}
	if a.trail, err = inspect.Trail(tx, p, trailRead); err != nil {
		return nil, err
	}
	a.out = &Answer{
		Share: q.Share, Path: p.String(), Self: s.Self, Peer: s.Peer, Running: s.Live != nil, Now: s.Live,
		Since: []string{}, Ignored: []Ignored{}, Events: []inspect.Event{}, Kept: []inspect.Kept{},
		Conflicts: []inspect.Conflict{}, Near: []Near{}, Do: []string{},
	}
	a.out.Disk = look(s.Root, p)
	for _, part := range []func() error{a.record, a.ignored, a.journal, a.kept, a.above, a.gone, a.near} {
		if err := part(); err != nil {
			return nil, err
		}
	}
	a.conclude()
	return a.out, nil
}

// record fills in the three states and the verdict.
func (a *asking) record() error {
	r, out := a.rec, a.out
	if r == nil {
		return nil
	}
	out.Ours, out.Base, out.Theirs = a.names.Entry(r.Ours), a.names.Entry(r.Base), a.names.Entry(r.Theirs)
	out.Disk.compare(r)
	policy, err := a.policy()
	if err != nil {
		return err
	}
	v := diff.Decide(r.Ours, r.Theirs, policy)
	out.Verdict = &Verdict{
		Here: v.Act.String(), There: a.mirrored(v, policy), Rule: v.Line, Means: diff.Explain(v.Line), Conflict: v.Conflict,
		Next: r.Next.String(), Policy: orDefault(a.Conflict, "newer"), Deletes: orDefault(a.Deletes, "track"),
	}
	out.Since = a.since()
	return nil
}

// mirrored is what the peer does once it has heard of what is here.
func (a *asking) mirrored(v diff.Verdict, policy diff.Policy) string {
	mine := a.rec.Ours
	if v.Entry != nil && (v.Act == diff.Win || v.Act == diff.Revive || v.Act == diff.Agree) {
		mine = v.Entry
	}
	if mine == nil {
		return diff.Wait.String()
	}
	return diff.Decide(a.rec.Theirs, mine, policy.Mirror()).Act.String()
}

func (a *asking) policy() (diff.Policy, error) {
	p := diff.Policy{Self: a.meta.Node, Peer: a.meta.Peer}
	var err error
	p.Conflict, p.Winner, err = diff.ParseConflict(a.Conflict, map[string]index.NodeID{a.Self: a.meta.Node, a.Peer: a.meta.Peer})
	if err == nil {
		p.Deletes, err = diff.ParseDeletes(a.Deletes)
	}
	return p, err
}

func orDefault(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

func (a *asking) journal() error {
	for i, ev := range a.trail {
		if a.out.Older = i == lastEvents; a.out.Older {
			break
		}
		a.out.Events = append(a.out.Events, a.names.Event(a.Share, ev))
	}
	return nil
}

// kept fills in the kept versions of the path, and the conflicts that it had.
func (a *asking) kept() error {
	for id := range a.tx.KeptOf(a.path) {
		k, err := a.tx.GetKept(id)
		if err != nil {
			return err
		}
		if k != nil {
			a.out.Kept = append([]inspect.Kept{a.names.Kept(a.Share, *k)}, a.out.Kept...)
		}
	}
	list, err := a.tx.ConflictsOf(a.path)
	if err != nil {
		return err
	}
	for _, c := range list {
		a.out.Conflicts = append(a.out.Conflicts, a.names.Conflict(a.Share, c))
	}
	return nil
}

// above looks for what the index has in the place of a directory above.
func (a *asking) above() error {
	for d := a.path.Parent(); d != index.Root; d = d.Parent() {
		r, err := a.tx.Get(d)
		if err != nil {
			return err
		}
		if r != nil && r.Ours.Live() && r.Ours.Kind != index.Dir {
			a.out.Blocked = fmt.Sprintf("%v is a %v here: nothing can be below it", d, r.Ours.Kind)
			return nil
		}
	}
	if a.rec == nil {
		a.out.Blocked = a.missingFrom()
	}
	return nil
}
