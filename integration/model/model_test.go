package model

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"duet/diff"
	"duet/store/index"
)

var depthFlag = flag.Int("depth", 0, "how much to search: 0 takes seconds, 1 a minute, 2 an hour and 10 GB of memory")

// config is a model to search, and from which depth on.
type config struct {
	depth int
	name  string
	model
}

var configs = []config{
	// One path. X and Y are two contents, so that an edit can also bring back
	// what was there before.
	{0, "a file", model{edits: 3, tops: "XYd", start: 'X'}},
	{0, "a file, from nothing", model{edits: 3, tops: "XYd"}},
	{0, "a file that both make and delete", model{edits: 4, tops: "Xd"}},
	{1, "files that both make and delete", model{edits: 4, tops: "XYd"}},
	{0, "a file, cuts", model{edits: 2, tops: "XYd", start: 'X', faults: "c", nfault: 2}},
	{0, "a file, crashes", model{edits: 2, tops: "XYd", start: 'X', faults: "r", nfault: 2}},
	{0, "a file, lost indexes", model{edits: 2, tops: "XYd", start: 'X', faults: "l", nfault: 1}},
	{0, "a file, backups", model{edits: 2, tops: "XYd", start: 'X', faults: "b", nfault: 1}},
	{1, "a file, four edits", model{edits: 4, tops: "XYd", start: 'X'}},
	{1, "a file, longer, crashes", model{edits: 3, tops: "XYd", start: 'X', faults: "r", nfault: 1}},
	{1, "a file, longer, lost indexes", model{edits: 3, tops: "Yd", start: 'X', faults: "l", nfault: 1}},
	{1, "a file, longer, backups", model{edits: 3, tops: "Yd", start: 'X', faults: "b", nfault: 1}},

	// A directory and something in it.
	{0, "a directory", model{edits: 2, tops: "Yd", inners: "Yd", start: 'D'}},
	{0, "a directory, from nothing", model{edits: 3, tops: "DX", inners: "Y"}},
	{0, "a directory, cuts", model{edits: 1, tops: "Yd", inners: "Yd", start: 'D', faults: "c", nfault: 1}},
	{0, "a directory, crashes", model{edits: 1, tops: "Yd", inners: "Yd", start: 'D', faults: "r", nfault: 2}},
	{0, "a directory, lost indexes", model{edits: 1, tops: "Yd", inners: "Yd", start: 'D', faults: "l", nfault: 1}},
	{0, "a directory, backups", model{edits: 1, tops: "Yd", inners: "Yd", start: 'D', faults: "b", nfault: 1}},
	{1, "a directory, all that can be made of it", model{edits: 2, tops: "DYd", inners: "XYd", start: 'D'}},
	{1, "a directory, longer, crashes", model{edits: 2, tops: "Yd", inners: "Yd", start: 'D', faults: "r", nfault: 1}},
	{1, "a directory, longer, lost indexes", model{edits: 2, tops: "d", inners: "Yd", start: 'D', faults: "l", nfault: 1}},
}

// withRules adds each conflict rule with each way to follow deletes.
func withRules(all []config) []config {
	for rule := diff.Newer; rule <= diff.Node; rule++ {
		for deletes := diff.Track; deletes <= diff.Never; deletes++ {
			p := diff.Policy{Conflict: rule, Deletes: deletes}
			if rule == diff.Node {
				p.Winner = 2
			}
			if p == (diff.Policy{}) {
				continue // all the others
			}
			name := fmt.Sprintf("%v, %v", rule, deletes)
			all = append(all,
				config{0, "a file, " + name, model{rule: p, edits: 2, tops: "XYd", start: 'X', faults: "c", nfault: 1}},
				config{0, "a directory, " + name, model{rule: p, edits: 2, tops: "DX", inners: "Y", faults: "c", nfault: 1}},
				config{1, "a file, longer, " + name, model{rule: p, edits: 3, tops: "XYd", start: 'X'}},
				config{2, "a file, longer, cuts, " + name, model{rule: p, edits: 3, tops: "XYd", start: 'X', faults: "c", nfault: 1}})
		}
	}
	return all
}

func TestModel(t *testing.T) {
	for _, c := range withRules(configs) {
		if c.depth > *depthFlag {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			began := time.Now()
			c.decide = diff.Decide
			if why := c.search(); why != "" {
				t.Fatal(why)
			}
			t.Logf("%d states, %d of them quiet, in %.1fs", c.states, c.ends, time.Since(began).Seconds())
			if c.ends < 2 {
				t.Error("nothing ever came to an end: this tests nothing")
			}
		})
	}
}

// TestWrongVerdicts: each of these mistakes is found, and told by a shortest story.
func TestWrongVerdicts(t *testing.T) {
	for _, c := range []struct {
		name   string
		m      model
		decide func(ours, theirs *index.Entry, p diff.Policy) diff.Verdict
		want   string
		steps  int // there is no shorter way
	}{
		{"delete beats change", model{edits: 2, tops: "Yd", start: 'X'}, deleteWins, "not called a conflict", 8},
		{"the clock says what came first", model{edits: 2, tops: "XYd", start: 'Y'}, byClock, "not called a conflict", 4},
		{"each prefers its own", model{edits: 2, tops: "XY"}, ownWins, "from the same two entries", 11},
		{"what the peer has not is deleted", model{edits: 1, tops: "X"}, absenceDeletes, "not called a conflict", 4},
		{"the winner's version alone", model{edits: 2, tops: "XY"}, winnersVersion, "different entries", 9},
		{"a file beats a directory", model{edits: 3, tops: "DX", inners: "Y"}, fileWins, "not called a conflict", 15},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.m.decide = c.decide
			why := c.m.search()
			if why == "" || !strings.Contains(why, c.want) {
				t.Fatalf("found %q, want %q", why, c.want)
			}
			var steps int
			for line := range strings.Lines(why) {
				if n, _ := fmt.Sscanf(line, "after %d steps", &steps); n == 1 {
					break
				}
			}
			if steps != c.steps {
				t.Errorf("told in %d steps, %d are needed", steps, c.steps)
			}
			t.Logf("among %d states: %s", c.m.states, why)
		})
	}
}

// TestUndoneDelete: that a delete which both had comes to nothing would be seen.
// No wrong verdict leads there: it needs a peer that says again what it had
// taken back.
func TestUndoneDelete(t *testing.T) {
	m := model{edits: 1, tops: "d", start: 'X', decide: diff.Decide}
	m.tables = newTables()
	s := m.first()
	before := s.node[1].recs[top].ours
	m.meet(&s)
	m.edit(&s, 0, top, 0)
	for _, do := range []func(*state, int) bool{
		func(s *state, i int) bool { return m.notice(s, i, top) }, m.send,
		func(s *state, i int) bool { return m.hear(s, 1-i) },
		func(s *state, i int) bool { return m.install(s, 1-i, top) },
	} {
		if why := m.check(&s); !do(&s, 0) || why != "" || s.acked != 0 {
			t.Fatalf("before the delete is taken over: %q\n%s", why, m.show(&s))
		}
	}
	if why := m.check(&s); why != "" || s.acked == 0 {
		t.Fatalf("a delete was taken over: %q\n%s", why, m.show(&s))
	}
	e := *m.entry(before)
	e.Version = e.Version.Join(m.entry(s.node[0].recs[top].ours).Version).With(2, 9)
	s.node[0].recs[top].theirs = m.put(&e)
	if !m.install(&s, 0, top) || !strings.Contains(m.check(&s), "undone") {
		t.Errorf("what both had deleted is there again, and nobody minds\n%s", m.show(&s))
	}
}

func deleteWins(ours, theirs *index.Entry, p diff.Policy) diff.Verdict {
	v := diff.Decide(ours, theirs, p)
	if v.Line != "delete-loses-to-change" {
		return v
	}
	e := *theirs
	act := diff.Take
	if theirs.Live() {
		e, act = *ours, diff.Win
	}
	e.Version, e.Over = v.Entry.Version, nil
	return diff.Verdict{Act: act, Line: v.Line, Entry: &e}
}

func byClock(ours, theirs *index.Entry, p diff.Policy) diff.Verdict {
	v := diff.Decide(ours, theirs, p)
	if !ours.Live() || !theirs.Live() || index.SameContent(ours, theirs) {
		return v
	}
	if ours.ModTime > theirs.ModTime {
		return diff.Verdict{Act: diff.Wait, Line: "clock"}
	}
	return diff.Verdict{Act: diff.Take, Line: "clock", Entry: theirs}
}

func ownWins(ours, theirs *index.Entry, p diff.Policy) diff.Verdict {
	v := diff.Decide(ours, theirs, p)
	if v.Act != diff.TakeOver {
		return v
	}
	e := *ours
	e.Version, e.Over = ours.Version.Join(theirs.Version), theirs.Version
	return diff.Verdict{Act: diff.Win, Line: v.Line, Entry: &e, Conflict: true}
}

func absenceDeletes(ours, theirs *index.Entry, p diff.Policy) diff.Verdict {
	if theirs == nil && ours.Live() {
		return diff.Verdict{Act: diff.Take, Line: "absent", Entry: &index.Entry{Kind: index.Gone, Version: ours.Version}}
	}
	return diff.Decide(ours, theirs, p)
}

func winnersVersion(ours, theirs *index.Entry, p diff.Policy) diff.Verdict {
	v := diff.Decide(ours, theirs, p)
	if v.Act == diff.Win {
		e := *v.Entry
		e.Version, e.Over = ours.Version, nil
		v.Entry = &e
	}
	return v
}

func fileWins(ours, theirs *index.Entry, p diff.Policy) diff.Verdict {
	v := diff.Decide(ours, theirs, p)
	if v.Line != "directory-beats-file" {
		return v
	}
	e := *theirs
	act := diff.Take
	if ours.Kind == index.File {
		e, act = *ours, diff.Win
	}
	e.Version, e.Over = v.Entry.Version, v.Entry.Over
	return diff.Verdict{Act: act, Line: v.Line, Entry: &e}
}
