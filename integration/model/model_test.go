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

var deep = flag.Bool("deep", false, "search some millions of states")

func TestModel(t *testing.T) {
	for _, c := range []struct {
		name string
		m    model
		deep bool
	}{
		{name: "a file", m: model{edits: 3, tops: "XYd", start: 'X'}},
		{name: "a file, from nothing", m: model{edits: 3, tops: "XYd"}},
		{name: "a file, crashes", m: model{edits: 2, tops: "XYd", start: 'X', faults: "r", nfault: 2}},
		{name: "a file, lost indexes", m: model{edits: 2, tops: "XYd", start: 'X', faults: "l", nfault: 1}},
		{name: "a file, backups", m: model{edits: 2, tops: "XYd", start: 'X', faults: "b", nfault: 1}},
		{name: "a directory", m: model{edits: 2, tops: "Yd", inners: "Yd", start: 'D'}},
		{name: "a directory, from nothing", m: model{edits: 3, tops: "DX", inners: "Y"}},
		{name: "a directory, lost indexes", m: model{edits: 1, tops: "Yd", inners: "Yd", start: 'D', faults: "l", nfault: 1}},
		{name: "a directory, backups", m: model{edits: 1, tops: "Yd", inners: "Yd", start: 'D', faults: "b", nfault: 1}},

		{name: "deep: a file", m: model{edits: 4, tops: "XYd", start: 'X'}, deep: true},
		{name: "deep: crashes", m: model{edits: 3, tops: "XYd", start: 'X', faults: "r", nfault: 1}, deep: true},
		{name: "deep: lost indexes", m: model{edits: 3, tops: "Yd", start: 'X', faults: "l", nfault: 1}, deep: true},
		{name: "deep: backups", m: model{edits: 3, tops: "Yd", start: 'X', faults: "b", nfault: 1}, deep: true},
		{name: "deep: a directory", m: model{edits: 2, tops: "DYd", inners: "XYd", start: 'D'}, deep: true},
		{name: "deep: a directory, longer", m: model{edits: 3, tops: "Yd", inners: "Yd", start: 'D'}, deep: true},
		{name: "deep: a directory, lost indexes", m: model{edits: 2, tops: "Yd", inners: "Yd", start: 'D', faults: "l", nfault: 1}, deep: true},
		{name: "deep: a directory, backups", m: model{edits: 2, tops: "Yd", inners: "Yd", start: 'D', faults: "b", nfault: 1}, deep: true},
	} {
		if c.deep && !*deep {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			c.m.decide = diff.Decide
			if why := c.m.search(); why != "" {
				t.Fatal(why)
			}
			t.Logf("%d states, %d of them quiet, in %.1fs", len(c.m.steps), c.m.ends, time.Since(began).Seconds())
			if c.m.ends < 2 {
				t.Error("nothing ever came to an end: this tests nothing")
			}
		})
	}
}

// TestWrongVerdicts: each of these mistakes is found, and told by a short story.
func TestWrongVerdicts(t *testing.T) {
	for _, c := range []struct {
		name   string
		m      model
		decide func(ours, theirs *index.Entry, p diff.Policy) diff.Verdict
		want   string
		most   int // steps
	}{
		{"delete beats change", model{edits: 2, tops: "Yd", start: 'X'}, deleteWins, "not called a conflict", 10},
		{"the clock says what came first", model{edits: 2, tops: "XYd", start: 'Y'}, byClock, "", 10},
		{"each prefers its own", model{edits: 2, tops: "XY"}, ownWins, "from the same two entries", 12},
		{"what the peer has not is deleted", model{edits: 1, tops: "X"}, absenceDeletes, "", 10},
		{"the winner's version alone", model{edits: 2, tops: "XY"}, winnersVersion, "", 14},
		{"a file beats a directory", model{edits: 3, tops: "DX", inners: "Y"}, fileWins, "not called a conflict", 18},
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
			if steps == 0 || steps > c.most {
				t.Errorf("told in %d steps, at most %d are needed", steps, c.most)
			}
			t.Logf("among %d states: %s", len(c.m.steps), why)
		})
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
