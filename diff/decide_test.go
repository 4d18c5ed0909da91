package diff

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"testing"

	"duet/store/index"
)

// checkPair states what must hold for any two entries: the two nodes decide
// mirrored, reach an equal outcome, and are silent after it.
func checkPair(ours, theirs *index.Entry, p Policy) error {
	here, there := Decide(ours, theirs, p), Decide(theirs, ours, p.Mirror())
	if !mirrored(here.Act, there.Act) {
		return fmt.Errorf("here %v (%s), there %v (%s)", here.Act, here.Line, there.Act, there.Line)
	}
	if here.Act == Take && there.Act == Take && (here.Entry.Live() || here.Line != lineCrossed) {
		return fmt.Errorf("both take %+v by %s", here.Entry, here.Line)
	}
	for _, v := range []Verdict{here, there} {
		if changes := v.Act != Nothing && v.Act != Wait && v.Act != Hold; changes != (v.Entry != nil) {
			return fmt.Errorf("%v with entry %v", v.Act, v.Entry)
		}
		if Explain(v.Line) == v.Line {
			return fmt.Errorf("line %q is not explained", v.Line)
		}
	}
	if here.Entry != nil && there.Entry != nil && !reflect.DeepEqual(here.Entry, there.Entry) {
		return fmt.Errorf("outcome here %+v, there %+v", here.Entry, there.Entry)
	}
	newOurs, newTheirs := outcome(ours, here, 1), outcome(theirs, there, 2)
	if here.Act == Hold {
		return nil
	}
	// Each acts on what it heard of the other before, in whatever order; then
	// they hear of each other, and one may still have to follow.
	for range 2 {
		here, there = Decide(newOurs, newTheirs, p), Decide(newTheirs, newOurs, p.Mirror())
		newOurs, newTheirs = outcome(newOurs, here, 1), outcome(newTheirs, there, 2)
	}
	here, there = Decide(newOurs, newTheirs, p), Decide(newTheirs, newOurs, p.Mirror())
	if here.Act != Nothing || there.Act != Nothing {
		return fmt.Errorf("not silent afterwards: here %v (%s), there %v (%s)", here.Act, here.Line, there.Act, there.Line)
	}
	if !index.Same(newOurs, newTheirs) {
		return fmt.Errorf("ends as %+v here, %+v there", newOurs, newTheirs)
	}
	return nil
}

func outcome(e *index.Entry, v Verdict, epoch index.Epoch) *index.Entry {
	switch {
	case v.Entry == nil:
		return e
	case v.Act == Revive:
		out := *v.Entry
		out.Version = out.Version.With(epoch, 1<<40)
		return &out
	default:
		return v.Entry
	}
}

func mirrored(a, b Act) bool {
	if a == Take && b == Take {
		return true // of a tombstone, which is checked below
	}
	pairs := map[Act][]Act{
		Nothing: {Nothing}, Hold: {Hold}, Revive: {Wait},
		Agree: {Agree, Wait}, Win: {Take, TakeOver}, Take: {Win, Wait}, TakeOver: {Win, Wait},
		Wait: {Agree, Take, TakeOver, Revive},
	}
	for _, want := range pairs[a] {
		if b == want {
			return true
		}
	}
	return false
}

func TestDecideMirrored(t *testing.T) {
	versions := []index.Version{ab(1, 0), ab(0, 1), ab(1, 1), ab(2, 1), ab(1, 2)}
	overs := []index.Version{nil, ab(1, 0), ab(0, 1), ab(1, 1)}
	pairs := 0
	var side [2][]*index.Entry
	for i := range side {
		side[i] = append(side[i], nil)
		for _, y := range toys() {
			for _, v := range versions {
				for _, over := range overs {
					e := y.at(index.NodeID(i+1), v, over)
					side[i] = append(side[i], e)
					if len(over) > 0 && e.Live() {
						rescued := *e
						rescued.Rescued = true
						side[i] = append(side[i], &rescued)
					}
				}
			}
		}
	}
	all := policies()
	for i, ours := range side[0] {
		for j, theirs := range side[1] {
			// Every pair meets some policies, every kind of pair meets all.
			for k := (i + j) % 5; k < len(all); k += 5 {
				pairs++
				if err := checkPair(ours, theirs, all[k].Policy); err != nil {
					t.Fatalf("ours %+v\ntheirs %+v\nconflict %s, deletes %s: %v", ours, theirs, all[k].conflict, all[k].deletes, err)
				}
			}
		}
	}
	t.Logf("%d pairs", pairs)
}

func FuzzDecide(f *testing.F) {
	f.Add([]byte("a page that was changed here and there, and then some more of it"))
	f.Add(make([]byte, 80))
	f.Fuzz(func(t *testing.T, raw []byte) {
		ours, rest := fuzzEntry(raw)
		theirs, rest := fuzzEntry(rest)
		if len(rest) == 0 {
			return
		}
		all := policies()
		p := all[int(rest[0])%len(all)].Policy
		if err := checkPair(ours, theirs, p); err != nil {
			t.Fatalf("ours %+v\ntheirs %+v\npolicy %+v: %v", ours, theirs, p, err)
		}
	})
}

// fuzzEntry makes a valid entry of the first bytes, with few values for each
// field, so that ties are common.
func fuzzEntry(raw []byte) (*index.Entry, []byte) {
	const need = 16
	if len(raw) < need {
		return nil, nil
	}
	bits, versions, rest := binary.LittleEndian.Uint64(raw), raw[8:need], raw[need:]
	take := func(n uint64) uint64 {
		v := bits % n
		bits /= n
		return v
	}
	e := &index.Entry{Kind: index.Kind(1 + take(4)), Origin: index.NodeID(take(3))}
	names := []string{"", "web", "root"}
	switch e.Kind {
	case index.File:
		e.Hash, e.Size, e.ModTime = index.Hash{byte(take(3))}, int64(take(3)), int64(take(3))
	case index.Symlink:
		e.Target, e.ModTime = []string{"a", "b", "long"}[take(3)], int64(take(3))
	case index.Gone:
		e.Apart = take(2) == 1
	}
	if e.Kind == index.File || e.Kind == index.Dir {
		e.Mode, e.Owner, e.Group = uint32(take(3)), names[take(3)], names[take(3)]
	}
	for i := range 4 {
		if c := versions[i] % 4; c > 0 {
			e.Version = e.Version.With(index.Epoch(i+1), index.Seq(c))
		}
		if c := versions[i+4] % 4; c > 0 {
			e.Over = e.Over.With(index.Epoch(i+1), index.Seq(c))
		}
	}
	e.Rescued = e.Over != nil && e.Live() && take(2) == 1
	if e.Version == nil {
		e.Version = ab(1, 0)
	}
	return e, rest
}

// TestDecideIsTotal: the order that ends ties tells any two different entries apart.
func TestDecideIsTotal(t *testing.T) {
	for _, a := range toys() {
		for _, b := range toys() {
			if a.entry.Kind != b.entry.Kind || !a.entry.Live() {
				continue
			}
			x, y := tie(a.entry, b.entry), tie(b.entry, a.entry)
			if x != -y || (x == 0) != reflect.DeepEqual(a.entry, b.entry) {
				t.Errorf("tie(%s, %s) = %d, the other way round %d", a.name, b.name, x, y)
			}
		}
	}
}

func TestNext(t *testing.T) {
	want := map[Act]index.Next{
		Nothing: index.Nothing, Wait: index.Wait, Hold: index.Held,
		Agree: index.Take, Take: index.Take, TakeOver: index.Take, Win: index.Take, Revive: index.Take,
	}
	for act, next := range want {
		if got := Next(Verdict{Act: act}); got != next {
			t.Errorf("Next(%v) = %v, want %v", act, got, next)
		}
	}
}

func TestOwnerThatOneSideDoesNotRecord(t *testing.T) {
	ours, theirs := page.at(1, ab(1, 0), nil), nobodys.at(2, ab(1, 1), nil)
	theirs.Hash = index.Hash{9}
	v := Decide(ours, theirs, Policy{})
	if v.Act != Take || v.Entry.Owner != "web" || v.Entry.Group != "web" || v.Entry.Hash != theirs.Hash {
		t.Errorf("got %v %+v, want the peer's content with the owner from here", v.Act, v.Entry)
	}
	if theirs.Owner != "" {
		t.Error("the entry of the peer was changed")
	}
}

// TestWhatWasSeenStaysSeen: A deletes (a1) while B writes the page (b1); A
// takes it. Meanwhile B, which has not heard, goes on. What B does then was
// done knowing the page, whatever A's version says.
func TestWhatWasSeenStaysSeen(t *testing.T) {
	p := Policy{Self: 1, Peer: 2}
	took := Decide(gone.at(1, ab(1, 0), nil), page.at(2, ab(0, 1), nil), p)
	if took.Act != Take || took.Line != lineChange {
		t.Fatalf("%v by %s, want take by %s", took.Act, took.Line, lineChange)
	}
	for _, next := range []toy{gone, essay, folder} {
		if v := Decide(took.Entry, next.at(2, ab(0, 2), nil), p); v.Act != Take || v.Conflict {
			t.Errorf("B's next state is %s: %v by %s, want take, no conflict", next.name, v.Act, v.Line)
		}
	}
	// B writes the same page again and then deletes it: agreeing must not
	// make A's earlier delete a part of what the page is.
	again := Decide(took.Entry, page.at(2, ab(0, 2), nil), p)
	atB := Decide(page.at(2, ab(0, 2), nil), took.Entry, p.Mirror())
	if again.Act != Agree || !reflect.DeepEqual(again, atB) {
		t.Fatalf("at A %v %+v, at B %v %+v; want agree, and equal", again.Act, again.Entry, atB.Act, atB.Entry)
	}
	if v := Decide(again.Entry, gone.at(2, ab(0, 3), nil), p); v.Act != Take {
		t.Errorf("B deletes the page that it wrote again: %v by %s, want take", v.Act, v.Line)
	}
}

// TestUnion: after a lost index every entry starts again, with a version that
// says nothing of the past, and nothing is deleted or overwritten unseen.
func TestUnion(t *testing.T) {
	p := Policy{Self: 1, Peer: 2}
	fresh := index.Version{{Epoch: 9, Seq: 5}}
	for _, c := range []struct {
		ours, theirs toy
		act          Act
		conflict     bool
	}{
		{page, page, Agree, false},
		{page, essay, Win, true},
		{essay, page, TakeOver, true},
		{page, gone, Win, false},
		{page, closed, Take, false},
	} {
		v := Decide(c.ours.at(1, fresh, nil), c.theirs.at(2, ab(3, 4), nil), p)
		if v.Act != c.act || v.Conflict != c.conflict {
			t.Errorf("%s against %s: %v, conflict %v; want %v, %v", c.ours.name, c.theirs.name, v.Act, v.Conflict, c.act, c.conflict)
		}
	}
}

func TestRevivedDirectoryBeatsAFile(t *testing.T) {
	p := Policy{Self: 1, Peer: 2}
	dir, file := folder.at(1, ab(1, 0), nil), page.at(2, ab(1, 1), nil)
	if v := Decide(dir, file, p); v.Act != Take {
		t.Fatalf("%v, want take: the peer knew the directory", v.Act)
	}
	kept := Revived(dir, file)
	kept.Version = kept.Version.With(1, 2)
	v := Decide(file, kept, p.Mirror())
	if v.Act != TakeOver || v.Entry.Kind != index.Dir {
		t.Errorf("at the peer: %v of a %v, want the directory to take over, and the file to be kept as the loser", v.Act, v.Entry.Kind)
	}
	if v := Decide(gone.at(2, ab(1, 1), nil), kept, p.Mirror()); v.Act != Take || v.Conflict {
		t.Errorf("at a peer that deleted it: %v, conflict %v, want take", v.Act, v.Conflict)
	}
}
