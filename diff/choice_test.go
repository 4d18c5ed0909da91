package diff

import (
	"strings"
	"testing"

	"duet/store/index"
)

var names = map[string]index.NodeID{"a": 1, "b": 2}

func TestParseChoice(t *testing.T) {
	for _, word := range []string{"ours", "theirs", "newest", "winner", "loser", "a", "b"} {
		if c, err := ParseChoice(word, names); err != nil || c.String() != word {
			t.Errorf("%s: %v, %v", word, c, err)
		}
	}
	for _, word := range []string{"", "mine", "c", "OURS"} {
		if _, err := ParseChoice(word, names); err == nil || !strings.Contains(err.Error(), "ours, theirs") {
			t.Errorf("%q: %v", word, err)
		}
	}
}

// Which side a word means, on node 1, whoever has won. page is newer than essay.
func TestChoice(t *testing.T) {
	held := Dispute{Ours: page.entry, Theirs: essay.entry, Held: true}
	won := Dispute{Ours: page.entry, Theirs: essay.entry, OursWon: true}
	lost := Dispute{Ours: essay.entry, Theirs: page.entry}
	for _, c := range []struct {
		name string
		d    Dispute
		want string // of ours, theirs, newest, winner, loser, a, b: o, t, or - for "cannot tell"
	}{
		{"held", held, "oto--ot"},
		{"held, theirs is newer", Dispute{Ours: essay.entry, Theirs: page.entry, Held: true}, "ott--ot"},
		{"held, of one time", Dispute{Ours: page.entry, Theirs: twin.entry, Held: true}, "ot---ot"},
		{"held, a directory", Dispute{Ours: page.entry, Theirs: folder.entry, Held: true}, "ot---ot"},
		{"won", won, "otootot"},
		{"lost", lost, "otttoot"},
		{"won, of one time", Dispute{Ours: page.entry, Theirs: twin.entry, OursWon: true}, "otootot"},
		{"lost, of one time", Dispute{Ours: page.entry, Theirs: twin.entry}, "otttoot"},
		{"won against a directory", Dispute{Ours: page.entry, Theirs: folder.entry, OursWon: true}, "otootot"},
	} {
		var got strings.Builder
		for _, word := range []string{"ours", "theirs", "newest", "winner", "loser", "a", "b"} {
			choice, err := ParseChoice(word, names)
			if err != nil {
				t.Fatal(err)
			}
			switch ours, err := choice.Ours(c.d, 1); {
			case err != nil:
				got.WriteByte('-')
			case ours:
				got.WriteByte('o')
			default:
				got.WriteByte('t')
			}
		}
		if got.String() != c.want {
			t.Errorf("%s: %s, want %s", c.name, got.String(), c.want)
		}
	}
}

// Who lost is told by who keeps the loser; if nobody knows, by who wrote it.
func TestDisputeOf(t *testing.T) {
	mine, theirs := page.at(1, ab(1, 0), nil), essay.at(2, ab(0, 1), nil)
	for _, c := range []struct {
		name    string
		c       index.Conflict
		oursWon bool
	}{
		{"ours won", index.Conflict{Winner: mine, Loser: theirs}, true},
		{"ours lost, and is kept here", index.Conflict{Winner: theirs, Loser: mine, Kept: 3}, false},
		{"ours lost, and nothing was left to keep", index.Conflict{Winner: theirs, Loser: mine}, false},
		{"both by the peer, kept here", index.Conflict{Winner: theirs, Loser: theirs, Kept: 3}, false},
		{"both by the peer, kept there", index.Conflict{Winner: theirs, Loser: theirs}, true},
	} {
		d := DisputeOf(&c.c, 1)
		if d.OursWon != c.oursWon || d.Held || c.c.Winner != c.c.Loser && (d.Ours == c.c.Winner) != c.oursWon {
			t.Errorf("%s: %+v", c.name, d)
		}
	}
}

// What node 1 makes of a path by an order, and what node 2 then does.
func TestRuled(t *testing.T) {
	hold := Policy{Conflict: OnHold, Self: 1, Peer: 2}
	ours, theirs := page.at(1, ab(1, 0), nil), essay.at(2, ab(0, 1), nil)
	if v := Decide(ours, theirs, hold); v.Act != Hold {
		t.Fatalf("act %v, want hold", v.Act)
	}
	upto := ab(1, 1)
	won := joined(ours, theirs) // what both have once ours has won
	for _, c := range []struct {
		name     string
		policy   Policy
		e        *index.Entry
		there    *index.Entry // what node 2 has
		act      Act
		line     string
		conflict bool
	}{
		{"held, theirs", hold, Ruled(theirs, ours, theirs, upto, 1, 1, 2), theirs, Agree, lineSameAlready, false},
		{"held, ours", hold, Ruled(ours, ours, theirs, upto, 1, 1, 2), theirs, TakeOver, LineChosen, true},
		{"settled, the winner", Policy{}, Ruled(won, won, nil, upto, 1, 1, 2), won, Agree, lineSameAlready, false},
		{"settled, the loser", Policy{}, Ruled(theirs, won, nil, upto, 1, 1, 2), won, Take, lineNewerThere, false},
		{"settled, and the peer has yet to hear who won", Policy{}, Ruled(won, won, nil, upto, 1, 1, 2), theirs, TakeOver, LineChosen, true},
		{"there is nothing any more", Policy{}, Ruled(theirs, gone.at(1, ab(2, 1), nil), nil, upto, 1, 1, 3), gone.at(1, ab(2, 1), nil), Take, lineAgainThere, false},
		{"a delete stands", Policy{}, Ruled(gone.at(1, ab(2, 1), nil), gone.at(1, ab(2, 1), nil), nil, upto, 1, 1, 3), nil, Take, lineDeletedOnce, false},
	} {
		v := Decide(c.there, c.e, c.policy.Mirror())
		if v.Act != c.act || v.Line != c.line || v.Conflict != c.conflict {
			t.Errorf("%s: %v by %s, conflict %v; want %v by %s, %v", c.name, v.Act, v.Line, v.Conflict, c.act, c.line, c.conflict)
		}
		if !v.Entry.Settled.Covers(theirs.Version) || v.Entry.Settled.Covers(c.e.Version) {
			t.Errorf("%s: settled up to %v", c.name, v.Entry.Settled)
		}
		if c.e.Origin != 1 {
			t.Errorf("%s: by node %v", c.name, c.e.Origin)
		}
		if b := Decide(v.Entry, c.e, c.policy.Mirror()); b.Act != Nothing {
			t.Errorf("%s: then %v", c.name, b.Act)
		}
	}
	// An edit that did not know of the order is a conflict with it, held again.
	for _, want := range []*index.Entry{ours, theirs} {
		e := Ruled(want, ours, theirs, upto, 1, 1, 2)
		if v := Decide(twin.at(2, ab(0, 2), nil), e, hold.Mirror()); v.Act != Hold {
			t.Errorf("an edit meanwhile: %v, want hold", v.Act)
		}
	}
	// Who edits it later, or deletes it, takes nothing back.
	e := Ruled(ours, ours, theirs, upto, 1, 1, 2)
	for _, now := range []toy{essay, gone, folder} {
		if later := Edited(e, now.entry, 1, 3); !later.Settled.Equal(e.Settled) {
			t.Errorf("edited to %s: settled %v", now.name, later.Settled)
		}
	}
	for name, f := range map[string]func(*index.Entry) *index.Entry{
		"wins":       func(o *index.Entry) *index.Entry { return joined(o, e) },
		"loses":      func(o *index.Entry) *index.Entry { return joined(e, o) },
		"is revived": func(o *index.Entry) *index.Entry { return Revived(o, e) },
		"agrees":     func(o *index.Entry) *index.Entry { return agreed(o, e) },
	} {
		if out := f(twin.at(2, ab(0, 2), nil)); !out.Settled.Covers(theirs.Version) {
			t.Errorf("an edit elsewhere that %s: settled %v", name, out.Settled)
		}
	}
}

// What was taken back is open again, and held again where that can be.
func TestTakenBack(t *testing.T) {
	hold := Policy{Conflict: OnHold, Self: 1, Peer: 2}
	ours, theirs := page.at(1, ab(1, 0), nil), essay.at(2, ab(0, 1), nil)
	upto := ab(1, 1)

	gave := Ruled(theirs, ours, theirs, upto, 1, 1, 2)
	back := TakenBack(ours, gave, true, 1, 1, 3)
	there := Decide(theirs, gave, hold.Mirror()).Entry
	for _, peer := range []*index.Entry{theirs, there} {
		if v := Decide(back, peer, hold); v.Act != Hold || back.Settled == nil || back.Settled.Covers(theirs.Version) {
			t.Errorf("after giving way: %v, settled %v", v.Act, back.Settled)
		}
	}

	won := Ruled(ours, ours, theirs, upto, 1, 1, 2)
	there = Decide(theirs, won, hold.Mirror()).Entry
	back = TakenBack(ours, won, false, 1, 1, 3)
	v := Decide(there, back, hold.Mirror())
	if v.Act != Agree || v.Entry.Settled == nil || v.Entry.Settled.Covers(theirs.Version) {
		t.Errorf("after the peer gave way: %v, settled %v", v.Act, v.Entry.Settled)
	}
	back = TakenBack(ours, won, true, 1, 1, 3)
	if v := Decide(theirs, back, hold.Mirror()); v.Act != Hold {
		t.Errorf("before the peer heard: %v", v.Act)
	}

	was := joined(ours, theirs)
	was.Settled = &index.Settlement{Upto: ab(0, 1)} // by an order before
	swapped := Ruled(theirs, was, nil, upto, 1, 1, 2)
	back = TakenBack(was, swapped, false, 1, 1, 3)
	v = Decide(swapped, back, Policy{})
	if v.Act != Take || !index.Same(v.Entry, ours) || !v.Entry.Settled.Equal(was.Settled) {
		t.Errorf("a loser swapped in, and out again: %v %+v", v.Act, v.Entry)
	}
	if e := TakenBack(nil, gone.at(1, ab(3, 1), nil), false, 1, 1, 4); e.Live() || e.Settled == nil || len(e.Version) == 0 {
		t.Errorf("where nothing was known: %+v", e)
	}
}
