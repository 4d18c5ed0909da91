package inspect

import (
	"fmt"
	"strings"

	"duet/cmd/duet/exit"
	"duet/diff"
	"duet/replicate/report"
	"duet/replicate/ruling"
	"duet/store/index"
)

// Conflict is a row of conflicts.
type Conflict struct {
	Share  string `json:"share"`
	ID     uint64 `json:"id"` // 0 of one that waits for a person
	Path   string `json:"path"`
	Time   int64  `json:"time_ns"` // when it was found
	Held   bool   `json:"held"`    // waits for a person
	Winner *Entry `json:"winner"`  // null while it is held
	Loser  *Entry `json:"loser"`   // likewise
	Rule   string `json:"rule"`
	Kept   uint64 `json:"kept"` // id of the loser's kept version; 0: it is kept on the peer

	Ours    *Entry `json:"ours"`               // what this node had when they met
	Theirs  *Entry `json:"theirs"`             // what the peer had
	OursWon bool   `json:"ours_won,omitempty"` // of one that is not held
	Closed  bool   `json:"closed,omitempty"`   // a person has settled it
}

func (n Names) conflict(share string, c index.Conflict) Conflict {
	d := diff.DisputeOf(&c, n.meta.Node)
	return Conflict{
		Share: share, ID: c.ID, Path: c.Path.String(), Time: c.Time, Held: c.Winner == nil, Winner: n.entry(c.Winner), Loser: n.entry(c.Loser),
		Rule: c.Rule, Kept: c.Kept, Ours: n.entry(d.Ours), Theirs: n.entry(d.Theirs), OursWon: d.OursWon, Closed: c.Closed,
	}
}

// held is the row of a path that waits for a person.
func (r *run) held(rec *index.Record) (Conflict, error) {
	row := Conflict{
		Share: r.Share, Path: rec.Path.String(), Held: true, Rule: r.names.rule(rec),
		Ours: r.names.entry(rec.Ours), Theirs: r.names.entry(rec.Theirs),
	}
	for ev, err := range r.tx.History(rec.Path) {
		if err != nil {
			return row, err
		}
		if ev.What == index.Parked {
			row.Time = ev.Time
			return row, nil
		}
		row.Time = max(row.Time, ev.Time)
	}
	return row, nil
}

// rule is the line of the decision table by which a path waits.
func (n Names) rule(rec *index.Record) string {
	return diff.Decide(rec.Ours, rec.Theirs, diff.Policy{Conflict: diff.OnHold, Self: n.meta.Node, Peer: n.meta.Peer}).Line
}

func (r *run) conflicts() error {
	for rec, err := range r.tx.Held() {
		if err != nil {
			return err
		}
		if !r.want.match(rec.Path) {
			continue
		}
		row, err := r.held(rec)
		if err != nil {
			return err
		}
		if err := r.out.Encode(row); err != nil {
			return err
		}
	}
	for c, err := range r.tx.Conflicts() {
		if err != nil {
			return err
		}
		if c.Closed && !r.All || !r.want.match(c.Path) {
			continue
		}
		if err := r.out.Encode(r.names.conflict(r.Share, c)); err != nil {
			return err
		}
	}
	return nil
}

// ConflictDetail is the row of conflicts show.
type ConflictDetail struct {
	Conflict
	Peer    string    `json:"peer"`               // its name
	Now     *Entry    `json:"now"`                // what the index has there now; null: nothing
	MovedOn bool      `json:"moved_on,omitempty"` // that is neither side any more
	Others  int       `json:"others,omitempty"`   // older conflicts of the path that are open, too
	Seen    [2]Notice `json:"noticed"`            // of ours and theirs
}

// Notice is how and when a change was noticed, by whose it was.
type Notice struct {
	How  string `json:"how,omitempty"`
	Time int64  `json:"time_ns,omitempty"`
}

func (r *run) conflictShow() error {
	p, err := index.ParsePath(r.Pattern)
	if err != nil {
		return err
	}
	c, err := ruling.CaseOf(r.tx, p, r.names.meta.Node)
	if err != nil {
		return err
	}
	if c == nil {
		return exit.Errorf(exit.Partial, "share %q: no conflict is open at %v: see 'duet conflicts ls --all'", r.Share, p)
	}
	row := ConflictDetail{Peer: r.names.Peer, Now: r.names.entry(c.Record.Ours), MovedOn: c.MovedOn(), Others: len(c.Open)}
	if c.Held {
		row.Conflict, err = r.held(c.Record)
	} else {
		row.Conflict = r.names.conflict(r.Share, *c.Last())
		row.Others--
	}
	if err != nil {
		return err
	}
	for i, e := range []*index.Entry{c.Ours, c.Theirs} {
		if last := c.Last(); last != nil && last.Seen.How != 0 && e == last.Loser {
			row.Seen[i] = Notice{last.Seen.How.String(), last.Seen.Time}
			continue
		}
		if row.Seen[i], err = r.noticed(c.Record, e); err != nil {
			return err
		}
	}
	return r.out.Encode(row)
}

// noticed finds out from the journal how a side of a conflict was noticed.
func (r *run) noticed(rec *index.Record, side *index.Entry) (Notice, error) {
	if side == nil {
		return Notice{}, nil
	}
	if s := rec.Noticed; s.How != 0 && index.EqualEntries(side, rec.Theirs) {
		return Notice{s.How.String(), s.Time}, nil
	}
	own := side.Origin == r.names.meta.Node
	for ev, err := range r.tx.History(rec.Path) {
		if err != nil {
			return Notice{}, err
		}
		if ev.Entry == nil || !index.SameContent(ev.Entry, side) || ev.Entry.Origin != side.Origin {
			continue
		}
		switch {
		case own && ev.Node == side.Origin && ev.How != index.ByPeer:
			return Notice{ev.How.String(), ev.Time}, nil
		case !own && ev.Seen.How != 0:
			return Notice{ev.Seen.How.String(), ev.Seen.Time}, nil
		}
	}
	return Notice{}, nil
}

func (c Conflict) text(s Style) string {
	if c.Held {
		return fmt.Sprintf("    -  %s  %s  waits for a person\n       here:  %s\n       there: %s\n",
			when(c.Time), s.path(c.Share, c.Path), sideText(c.Ours), sideText(c.Theirs))
	}
	line := fmt.Sprintf("%5d  %s  %s", c.ID, when(c.Time), s.path(c.Share, c.Path))
	if c.Closed {
		line += "  settled by a person"
	}
	line += fmt.Sprintf("\n       won:  %s\n       lost: %s", sideText(c.Winner), sideText(c.Loser))
	if c.Kept != 0 {
		line += fmt.Sprintf("  (kept version %d: duet kept restore %d --share %s)", c.Kept, c.Kept, Shell(c.Share))
	} else {
		line += "  (kept on the peer)"
	}
	if c.Rule != "" {
		line += "\n       rule: " + c.Rule
	}
	return line + "\n"
}

func (c ConflictDetail) text(s Style) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-8s %s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(&b, "%s\n", s.path(c.Share, c.Path))
	if c.Held {
		line("state", "waits for a person since %s: each node keeps its own", when(c.Time))
	} else {
		line("state", "settled on %s by %s: %s", when(c.Time), c.Rule, diff.Explain(c.Rule))
	}
	for i, side := range []struct {
		word string
		e    *Entry
	}{{"ours", c.Ours}, {"theirs", c.Theirs}} {
		line(side.word, "%s%s", sideText(side.e), c.fate(i == 0))
		if n := c.Seen[i]; n.How != "" {
			line("", "noticed by %s at %s", n.How, when(n.Time))
		}
		if side.e != nil && side.e.Hash != "" {
			line("", "hash %s", side.e.Hash)
		}
	}
	switch {
	case c.Now == nil:
		line("now", "nothing is known of it any more")
	case c.MovedOn:
		line("now", "the path has moved on since: %s", c.Now.long())
	case !c.Held:
		line("now", "%s", c.Now.long())
	}
	if c.Others > 0 {
		line("more", "%d older conflicts of this path are open, too: whatever you choose settles them", c.Others)
	}
	target := Shell(c.Share + ":" + c.Path)
	line("next", "duet conflicts diff %s", target)
	line("", "duet conflicts resolve %s --take ours|theirs|newest", target)
	return b.String()
}

// fate says what became of a side.
func (c ConflictDetail) fate(ours bool) string {
	switch {
	case c.Held:
		return ""
	case ours == c.OursWon:
		return "; it won"
	case c.Kept != 0:
		return fmt.Sprintf("; it lost, and is kept version %d here", c.Kept)
	}
	return fmt.Sprintf("; it lost, and is kept on %s", c.Peer)
}

// Ruling is a row of conflicts undo --list.
type Ruling struct {
	Share string `json:"share"`
	ID    uint64 `json:"id"`
	Time  int64  `json:"time_ns"`
	What  string `json:"what"`
	Paths uint64 `json:"paths"` // that can be put back, if nobody changed them since
}

func (r *run) rulings() error {
	for one, err := range r.tx.Rulings() {
		if err != nil {
			return err
		}
		if err := r.out.Encode(Ruling{r.Share, one.ID, one.Time, one.What, one.Paths}); err != nil {
			return err
		}
	}
	return nil
}

func (u Ruling) text(s Style) string {
	share := ""
	if s.Share {
		share = u.Share + ": "
	}
	return fmt.Sprintf("%s%d  %s  %s, %s\n", share, u.ID, when(u.Time), u.What, report.Count(u.Paths, "path"))
}

// Matcher reads a path or glob as the commands do: what it selects.
func Matcher(text string) (func(index.Path) bool, error) {
	p := pattern{text, IsGlob(text)}
	if !p.valid() {
		return nil, exit.Errorf(exit.Usage, "pattern %s: not a glob: a '[' must have its ']'", index.Quote(text))
	}
	return p.match, nil
}
