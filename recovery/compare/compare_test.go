package compare

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duet/scan"
	"duet/store"
	"duet/store/index"
)

// side is one node's index, and what a test puts into it.
type side struct {
	t     testing.TB
	st    *store.Store
	epoch index.Epoch
}

func newSide(t testing.TB, epoch index.Epoch) *side {
	t.Helper()
	st, err := store.Open(filepath.Join(t.TempDir(), "s.db"), store.Options{Share: "s", Node: index.NodeID(epoch)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return &side{t, st, epoch}
}

// twins are two nodes that have heard each other up to a position beyond all.
func twins(t testing.TB) (a, b *side) {
	a, b = newSide(t, 1), newSide(t, 2)
	for _, s := range []*side{a, b} {
		s.heard(1 << 40)
	}
	return a, b
}

func (s *side) heard(upto index.Seq) {
	s.update(func(tx *store.Tx) error {
		m, err := tx.Meta()
		if err != nil {
			return err
		}
		m.Heard = upto
		return tx.PutMeta(m)
	})
}

func (s *side) update(f func(*store.Tx) error) {
	s.t.Helper()
	if err := s.st.Update(f); err != nil {
		s.t.Fatal(err)
	}
}

// put writes records, agreed on unless next says otherwise.
func (s *side) put(next index.Next, entries map[index.Path]*index.Entry) {
	s.t.Helper()
	paths := make([]index.Path, 0, len(entries))
	for p := range entries {
		paths = append(paths, p)
	}
	slices.SortFunc(paths, index.Path.Compare)
	s.update(func(tx *store.Tx) error {
		for _, p := range paths {
			e := *entries[p]
			e.Version = index.Version{{Epoch: 1, Seq: 1}}
			pos, err := tx.Note(index.Event{Path: p, What: index.Created, How: index.ByScan, Entry: &e})
			if err != nil {
				return err
			}
			r := &index.Record{Path: p, Ours: &e, Pos: pos, Next: next}
			if next == index.Nothing {
				r.Theirs, r.Base, r.Heard = &e, &e, 1
			}
			if err := tx.Put(r); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *side) drop(paths ...index.Path) {
	s.update(func(tx *store.Tx) error {
		for _, p := range paths {
			if err := tx.Delete(p); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *side) index() Index { return Index{View: s.st.View} }

// asked counts what a comparison asks.
type asked struct{ digests, lists, items int }

func (s *side) peer(n *asked) Peer {
	x := s.index()
	return Peer{
		Digests: func(ctx context.Context, r Range, cuts []index.Path) ([]Digest, At, error) {
			n.digests++
			return x.Digests(ctx, r, cuts)
		},
		List: func(ctx context.Context, r Range, f func([]Item, At) error) error {
			n.lists++
			return x.List(ctx, r, func(items []Item, at At) error {
				n.items += len(items)
				return f(items, at)
			})
		},
	}
}

func file(content string) *index.Entry {
	return &index.Entry{Kind: index.File, Hash: scan.SumBytes([]byte(content)), Size: int64(len(content)), ModTime: 1e18, Mode: 0o644}
}

func dir() *index.Entry  { return &index.Entry{Kind: index.Dir, Mode: 0o755} }
func gone() *index.Entry { return &index.Entry{Kind: index.Gone} }

// diff compares a with b, and returns the differences as "letter path state".
func diff(t testing.TB, a, b *side, o Options) (lines []string, sum Summary, n asked) {
	t.Helper()
	sum, err := Run(context.Background(), a.index(), b.peer(&n), o, func(d Difference) error {
		lines = append(lines, fmt.Sprintf("%v %v %s", d.Letter, d.Path, d.State))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines, sum, n
}

func want(t *testing.T, got []string, lines ...string) {
	t.Helper()
	if !slices.Equal(got, lines) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(lines, "\n"))
	}
}

func TestLetters(t *testing.T) {
	a, b := twins(t)
	for _, s := range []*side{a, b} {
		s.put(index.Nothing, map[index.Path]*index.Entry{
			"d": dir(), "d/same": file("1"), "d/link": {Kind: index.Symlink, Target: "same", ModTime: 5}, "d-x": file("sorts after d/"),
		})
	}
	touched := *file("3")
	touched.ModTime++
	a.put(index.Nothing, map[index.Path]*index.Entry{
		"content": file("1"), "mtime": file("3"), "kind": dir(), "only-a": file("4"), "deleted-b": file("5"), "deleted-a": gone(), "gone": gone(),
	})
	b.put(index.Nothing, map[index.Path]*index.Entry{
		"content": file("2"), "mtime": &touched, "kind": file("x"), "only-b": file("4"), "deleted-b": gone(), "deleted-a": file("5"), "gone": gone(),
	})
	got, sum, _ := diff(t, a, b, Options{})
	want(t, got, "X content drift", "T deleted-a drift", "T deleted-b drift", "X kind drift", "X mtime drift", "L only-a drift", "R only-b drift")
	if sum.Letters[Same] != 4 || sum.Differences() != 7 || sum.Ours.Count != 9 || sum.Theirs.Count != 9 {
		t.Errorf("sum %+v", sum)
	}
	got, _, _ = diff(t, b, a, Options{Under: "d", All: true})
	want(t, got, "= d equal", "= d/link equal", "= d/same equal")
	got, _, _ = diff(t, a, b, Options{Under: "content"})
	want(t, got, "X content drift")
}

// A difference that one of the nodes has not heard of, or is about to act on,
// is no drift.
func TestStates(t *testing.T) {
	a, b := twins(t)
	a.put(index.Nothing, map[index.Path]*index.Entry{"a": file("1")})
	for next, p := range map[index.Next]index.Path{index.Take: "take", index.Wait: "wait", index.Held: "held", index.Left: "left"} {
		a.put(next, map[index.Path]*index.Entry{p: file("1")})
		b.put(index.Nothing, map[index.Path]*index.Entry{p: file("2")})
	}
	b.put(index.Take, map[index.Path]*index.Entry{"a": file("2")})
	b.put(index.Left, map[index.Path]*index.Entry{"left-there": file("2")})
	got, _, _ := diff(t, a, b, Options{Ignored: func(d Difference) bool { return d.Path == "left" }})
	want(t, got, "X a there", "X held held", "X take here", "X wait there")

	a.heard(4) // not yet of b's "a", which is the fifth
	got, _, _ = diff(t, a, b, Options{Under: "a"})
	want(t, got, "X a moving")
	a.heard(1 << 40)
	b.heard(0) // of nothing
	got, _, _ = diff(t, a, b, Options{Under: "wait"})
	want(t, got, "X wait moving")
}

// Tombstones are dropped by each node in its own time, and what is ignored may
// be on one of them only.
func TestDigestLeavesOut(t *testing.T) {
	a, b := twins(t)
	for _, s := range []*side{a, b} {
		s.put(index.Nothing, map[index.Path]*index.Entry{"x": file("1")})
	}
	a.put(index.Nothing, map[index.Path]*index.Entry{"gone": gone()})
	a.put(index.Left, map[index.Path]*index.Entry{"ignored": file("1")})
	_, sum, n := diff(t, a, b, Options{})
	if !sum.Agreed() || n != (asked{digests: 1}) || sum.Ours != sum.Theirs {
		t.Errorf("%+v after %+v", sum, n)
	}
}

func TestOwnersOnlyIfBothRecordThem(t *testing.T) {
	a, b := twins(t)
	owned := *file("1")
	owned.Owner = "web"
	a.put(index.Nothing, map[index.Path]*index.Entry{"x": &owned})
	b.put(index.Nothing, map[index.Path]*index.Entry{"x": file("1")})
	da, _, err := a.index().Digests(context.Background(), Range{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	db, _, _ := b.index().Digests(context.Background(), Range{}, nil)
	if da[0] != db[0] {
		t.Error("an owner that only one node records makes a difference")
	}
	owners := a.index()
	owners.Owners = true
	if do, _, _ := owners.Digests(context.Background(), Range{}, nil); do[0] == da[0] {
		t.Error("an owner makes no difference although both record them")
	}
}

// tree is n files in directories of all sizes, some of them deep.
func tree(rnd *rand.Rand, n int) map[index.Path]*index.Entry {
	out := map[index.Path]*index.Entry{}
	dirs := []index.Path{index.Root}
	for i := range n {
		d := dirs[rnd.IntN(len(dirs))]
		if rnd.IntN(2) == 0 {
			d = index.Root // a large flat one
		}
		p, err := d.Join(fmt.Sprintf("%c%d", "-.0az~"[rnd.IntN(6)], i))
		if err != nil {
			continue
		}
		if rnd.IntN(10) == 0 {
			out[p] = dir()
			dirs = append(dirs, p)
		} else {
			out[p] = file(fmt.Sprint(rnd.IntN(1000)))
		}
	}
	return out
}

// Whatever differs is found, and nothing else; and equal parts are not listed.
func TestEveryDifferenceIsFound(t *testing.T) {
	for seed := range uint64(15) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		a, b := twins(t)
		n := []int{0, 1, 50, 700, 9000}[seed%5]
		all := tree(rnd, n)
		a.put(index.Nothing, all)
		b.put(index.Nothing, all)
		var lines []string
		changed, added := map[index.Path]*index.Entry{}, map[index.Path]*index.Entry{}
		paths := make([]index.Path, 0, len(all))
		for p := range all {
			paths = append(paths, p)
		}
		slices.SortFunc(paths, index.Path.Compare)
		for range rnd.IntN(40) {
			i := rnd.IntN(max(n, 1))
			extra := index.Path(fmt.Sprintf("%cextra%d", "!0~"[rnd.IntN(3)], i))
			switch op := rnd.IntN(4); {
			case op == 3:
				added[extra] = file("new")
			case n == 0:
			case op == 0:
				changed[paths[i]] = file("not what it was")
			case op == 1:
				b.drop(paths[i])
				delete(changed, paths[i])
				added[paths[i]] = nil
			case op == 2:
				changed[paths[i]] = gone()
			}
		}
		for p, e := range added {
			if e != nil {
				b.put(index.Nothing, map[index.Path]*index.Entry{p: e})
				lines = append(lines, fmt.Sprintf("R %v drift", p))
				continue
			}
			delete(changed, p)
			lines = append(lines, fmt.Sprintf("L %v drift", p))
		}
		for p, e := range changed {
			b.put(index.Nothing, map[index.Path]*index.Entry{p: e})
			letter := Differs
			if !e.Live() {
				letter = Tombstone
			}
			lines = append(lines, fmt.Sprintf("%v %v drift", letter, p))
		}
		slices.SortFunc(lines, func(x, y string) int {
			return index.Path(strings.Fields(x)[1]).Compare(index.Path(strings.Fields(y)[1]))
		})
		got, sum, asked := diff(t, a, b, Options{})
		want(t, got, lines...)
		if same := int64(len(all) - len(lines)); len(added) == 0 && sum.Letters[Same] != same {
			t.Errorf("seed %d: %d are the same, want %d", seed, sum.Letters[Same], same)
		}
		if len(lines) == 0 && asked != (struct{ digests, lists, items int }{1, 0, 0}) {
			t.Errorf("seed %d: nothing differs, and %+v", seed, asked)
		}
		if limit := len(lines) * 2 * minBlock; n > 4000 && asked.items > limit {
			t.Errorf("seed %d: %d differences, and %d items listed", seed, len(lines), asked.items)
		}
	}
}

// All is a listing of both indexes, in order, in one.
func TestAllListsEverything(t *testing.T) {
	a, b := twins(t)
	all := tree(rand.New(rand.NewPCG(1, 2)), 12000)
	a.put(index.Nothing, all)
	b.put(index.Nothing, all)
	b.put(index.Nothing, map[index.Path]*index.Entry{"0new": file("1")})
	var last index.Path
	n := 0
	sum, err := Run(context.Background(), a.index(), b.peer(&asked{}), Options{All: true}, func(d Difference) error {
		if last != index.Root && d.Path.Compare(last) <= 0 {
			t.Fatalf("%v after %v", d.Path, last)
		}
		last = d.Path
		n++
		return nil
	})
	if err != nil || n != len(all)+1 || sum.Letters[There] != 1 || sum.Letters[Same] != int64(len(all)) {
		t.Errorf("%d rows, %+v, %v", n, sum.Letters, err)
	}
}

// A list that is longer than anything this node has is merged as it comes.
func TestPeerHasMore(t *testing.T) {
	a, b := twins(t)
	all := map[index.Path]*index.Entry{}
	for i := range 20000 {
		all[index.Path(fmt.Sprintf("f%05d", i))] = file("x")
	}
	b.put(index.Nothing, all)
	got, _, n := diff(t, a, b, Options{})
	if len(got) != 20000 || n.lists != 1 {
		t.Errorf("%d differences with %+v", len(got), n)
	}
	got, _, n = diff(t, b, a, Options{})
	if len(got) != 20000 || n.lists > 10 {
		t.Errorf("the other way: %d differences with %+v", len(got), n)
	}
}

// Between the reading of this node's record and that of the peer's a delete may
// have come and gone, tombstones and all.
func TestDeletedMeanwhile(t *testing.T) {
	a, b := twins(t)
	all := map[index.Path]*index.Entry{"x": file("1"), "y": file("2")}
	a.put(index.Nothing, all)
	b.put(index.Nothing, all)
	b.put(index.Nothing, map[index.Path]*index.Entry{"y": file("3")})
	p := b.peer(&asked{})
	list := p.List
	p.List = func(ctx context.Context, r Range, f func([]Item, At) error) error {
		a.drop("x")
		b.drop("x")
		return list(ctx, r, f)
	}
	var lines []string
	_, err := Run(context.Background(), a.index(), p, Options{}, func(d Difference) error {
		lines = append(lines, fmt.Sprintf("%v %v %s", d.Letter, d.Path, d.State))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want(t, lines, "X y drift")
}

// A peer that answers nonsense is found out, and believed nothing.
func TestLyingPeer(t *testing.T) {
	a, b := twins(t)
	a.put(index.Nothing, map[index.Path]*index.Entry{"d": dir(), "d/x": file("1")})
	good := b.peer(&asked{})
	list := func(items ...Item) func(context.Context, Range, func([]Item, At) error) error {
		return func(_ context.Context, _ Range, f func([]Item, At) error) error { return f(items, At{}) }
	}
	for name, p := range map[string]Peer{
		"too few digests": {Digests: func(context.Context, Range, []index.Path) ([]Digest, At, error) { return nil, At{}, nil }},
		"out of order":    {Digests: good.Digests, List: list(Item{Path: "d/b", Entry: dir()}, Item{Path: "d/a", Entry: dir()})},
		"twice":           {Digests: good.Digests, List: list(Item{Path: "d/b", Entry: dir()}, Item{Path: "d/b", Entry: dir()})},
		"elsewhere":       {Digests: good.Digests, List: list(Item{Path: "e", Entry: dir()})},
		"no entry":        {Digests: good.Digests, List: list(Item{Path: "d/b"})},
	} {
		_, err := Run(context.Background(), a.index(), p, Options{Under: "d"}, func(Difference) error { return nil })
		if err == nil {
			t.Errorf("%s: believed", name)
		}
	}
}

func TestRangeCheck(t *testing.T) {
	for _, bad := range []struct {
		r    Range
		cuts []index.Path
	}{
		{Range{}, []index.Path{"b", "a"}},
		{Range{}, []index.Path{"a", "a"}},
		{Range{After: "b"}, []index.Path{"a"}},
		{Range{Through: "b"}, []index.Path{"c"}},
		{Range{Through: "b"}, []index.Path{"b"}},
		{Range{Under: "d"}, []index.Path{"e"}},
		{Range{Under: "d", Through: "e"}, nil},
		{Range{After: "b", Through: "a"}, nil},
	} {
		if err := bad.r.Check(bad.cuts); err == nil {
			t.Errorf("%+v %v: allowed", bad.r, bad.cuts)
		}
	}
	if err := (Range{Under: "d", After: "d/a", Through: "d/c"}).Check([]index.Path{"d/b"}); err != nil {
		t.Error(err)
	}
}
