package store

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"duet/store/index"
)

// model is what an index should hold, kept in maps.
type model struct {
	records map[index.Path]*index.Record
	events  []index.Event // position 1 first
}

func (m *model) sorted(keep func(*index.Record) bool) []*index.Record {
	var out []*index.Record
	for _, r := range m.records {
		if keep(r) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *index.Record) int { return a.Path.Compare(b.Path) })
	return out
}

func collect[T any](t *testing.T, what string, seq iter.Seq2[T, error]) []T {
	t.Helper()
	var out []T
	for v, err := range seq {
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		out = append(out, v)
	}
	return out
}

func equal[T any](t *testing.T, what string, got, want []T) {
	t.Helper()
	if len(got) == 0 && len(want) == 0 {
		return
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s:\n got %v\nwant %v", what, format(got), format(want))
	}
}

// opened is a Portion of which all is read.
func opened(t *testing.T, tx *Tx, from, under index.Path, n int) (out []*index.Record) {
	t.Helper()
	sealed, err := tx.Portion(from, under, n)
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		r, err := sealed[i].Open()
		if err != nil || r.Path != sealed[i].Path {
			t.Fatalf("portion: %q opens as %+v, %v", sealed[i].Path, r, err)
		}
		out = append(out, r)
	}
	return out
}

func firstOf(n int, rs []*index.Record) []*index.Record { return rs[:min(n, len(rs))] }

func format[T any](vs []T) []string {
	var out []string
	for _, v := range vs {
		out = append(out, fmt.Sprintf("%+v", v))
	}
	return out
}

// compare reads everything back, in every way there is.
func (m *model) compare(t *testing.T, tx *Tx, paths []index.Path, rnd *rand.Rand) {
	t.Helper()
	all := m.sorted(func(*index.Record) bool { return true })
	equal(t, "Range", collect(t, "Range", tx.Range(index.Root, false)), all)
	p := paths[rnd.IntN(len(paths))]
	from := func(r *index.Record) bool { return r.Path.Compare(p) >= 0 }
	after := func(r *index.Record) bool { return r.Path.Compare(p) > 0 }
	take := func(r *index.Record) bool { return r.Next == index.Take }
	equal(t, "Range from", collect(t, "Range", tx.Range(p, false)), m.sorted(from))
	equal(t, "Range after", collect(t, "Range", tx.Range(p, true)), m.sorted(after))
	equal(t, "Portion after", opened(t, tx, p, index.Root, len(all)), m.sorted(after))
	equal(t, "Portion under", opened(t, tx, p, p, 3), firstOf(3, m.sorted(func(r *index.Record) bool { return r.Path.Under(p) })))
	if dir := p.Parent(); dir != index.Root {
		equal(t, "Portion after, under", opened(t, tx, p, dir, len(all)), m.sorted(func(r *index.Record) bool { return after(r) && r.Path.Under(dir) }))
	}
	equal(t, "Under", collect(t, "Under", tx.Under(p)), m.sorted(func(r *index.Record) bool { return r.Path.Under(p) }))
	equal(t, "Held", collect(t, "Held", tx.Held()), m.sorted(func(r *index.Record) bool { return r.Next == index.Held }))
	equal(t, "Todo", collect(t, "Todo", tx.Todo(index.Root)), m.sorted(take))
	equal(t, "Todo from", collect(t, "Todo", tx.Todo(p)), m.sorted(func(r *index.Record) bool { return take(r) && from(r) }))
	back := m.sorted(take)
	slices.Reverse(back)
	equal(t, "TodoBack", collect(t, "TodoBack", tx.TodoBack(index.Root)), back)
	back = m.sorted(func(r *index.Record) bool { return take(r) && !after(r) })
	slices.Reverse(back)
	equal(t, "TodoBack from", collect(t, "TodoBack", tx.TodoBack(p)), back)

	pos := rnd.IntN(len(m.events) + 2)
	events := m.events[min(max(pos-1, 0), len(m.events)):]
	equal(t, "Events", collect(t, "Events", tx.Events(index.Seq(pos))), events)
	events = slices.Clone(m.events)
	if pos > 0 {
		events = events[:min(pos, len(events))]
	}
	slices.Reverse(events)
	equal(t, "EventsBack", collect(t, "EventsBack", tx.EventsBack(index.Seq(pos))), events)
	picked := func(g index.Glance) bool { return g.What == index.Created || g.Moved }
	if len(m.events) > 0 {
		from, seen := m.events[rnd.IntN(len(m.events))].Time, events[:0:0]
		for _, e := range slices.Backward(m.events) {
			if e.Time < from {
				break
			}
			if e.What == index.Created || e.To != index.Root {
				seen = append(seen, e)
			}
		}
		equal(t, "EventsSince", collect(t, "EventsSince", tx.EventsSince(from, picked)), seen)
	}
	var positions []index.Seq
	for _, e := range m.events[min(pos, len(m.events)):] {
		if e.What == index.Created || e.To != index.Root {
			positions = append(positions, e.Pos)
		}
	}
	equal(t, "PositionsSince", collect(t, "PositionsSince", tx.PositionsSince(index.Seq(pos), picked)), positions)
	equal(t, "History", collect(t, "History", tx.History(p)), m.history(func(q index.Path) bool { return q == p }))
	var under []index.Seq
	for _, e := range m.history(func(q index.Path) bool { return q == p || q.Under(p) }) {
		under = append(under, e.Pos)
	}
	got, ok, err := tx.PositionsUnder(p, 3*len(under)) // one event may concern three
	if err != nil || !ok {
		t.Fatalf("positions under %v: %v, %v", p, ok, err)
	}
	equal(t, "PositionsUnder", got, under)
	if _, ok, err := tx.PositionsUnder(p, len(under)-1); len(under) > 0 && (err != nil || ok) {
		t.Fatalf("positions under %v, fewer than there are: %v, %v", p, ok, err)
	}
	since := m.sorted(func(r *index.Record) bool { return r.Ours != nil && int(r.Pos) > pos })
	slices.SortFunc(since, func(a, b *index.Record) int { return cmp.Compare(a.Pos, b.Pos) })
	equal(t, "Since", collect(t, "Since", tx.Since(index.Seq(pos))), since)
	h := index.Hash{byte(rnd.IntN(4)), 9}
	with := m.sorted(func(r *index.Record) bool {
		return r.Ours != nil && r.Ours.Kind == index.File && r.Ours.Hash == h && r.Ours.Size > 0
	})
	var want []index.Path
	for _, r := range with {
		want = append(want, r.Path)
	}
	found := collect(t, "ByHash", tx.ByHash(h, int64(h[0])))
	slices.SortFunc(found, index.Path.Compare)
	equal(t, "ByHash", found, want)
	if head := tx.Head(); int(head) != len(m.events) {
		t.Fatalf("head %d, want %d", head, len(m.events))
	}
}

// history is what concerns paths, newest first.
func (m *model) history(of func(index.Path) bool) []index.Event {
	var out []index.Event
	for _, e := range slices.Backward(m.events) {
		if of(e.Path) || e.From != index.Root && of(e.From) || e.To != index.Root && of(e.To) {
			out = append(out, e)
		}
	}
	return out
}

// TestModel does random things to an index and to maps, in transactions of
// random size, some of them undone, and compares; the file is closed and opened
// now and then, and Check is asked each time.
func TestModel(t *testing.T) {
	t.Parallel()
	var paths []index.Path
	for _, a := range []string{"a", "b", "b.c", "b\x01", "\xff"} {
		paths = append(paths, index.Path(a), index.Path(a+"/x"), index.Path(a+"/x/y"), index.Path(a+"/x y"))
	}
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			file := tempIndex(t)
			s := openWith(t, file, Options{})
			defer func() { closeTest(t, s) }()
			m := &model{records: make(map[index.Path]*index.Record)}
			for range 60 {
				next := &model{records: maps.Clone(m.records), events: slices.Clone(m.events)}
				undo := rnd.IntN(5) == 0
				err := s.Update(func(tx *Tx) error {
					for range rnd.IntN(12) {
						next.act(t, tx, paths[rnd.IntN(len(paths))], rnd)
						if rnd.IntN(6) == 0 {
							next.compare(t, tx, paths, rnd)
						}
					}
					if undo {
						return fmt.Errorf("undo")
					}
					return nil
				})
				if !undo {
					m = next
				}
				if (err != nil) != undo {
					t.Fatal(err)
				}
				if rnd.IntN(8) == 0 {
					closeTest(t, s)
					s = openWith(t, file, Options{})
				}
				view(t, s, func(tx *Tx) error { m.compare(t, tx, paths, rnd); return nil })
				checkStore(t, s)
				if t.Failed() {
					t.FailNow()
				}
			}
			if len(m.events) < 50 {
				t.Errorf("only %d events", len(m.events))
			}
		})
	}
}

// act does one random thing to both.
func (m *model) act(t *testing.T, tx *Tx, p index.Path, rnd *rand.Rand) {
	t.Helper()
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		r, err := tx.Get(p)
		if err != nil {
			t.Fatal(err)
		}
		if m.records[p] = r; r == nil {
			delete(m.records, p)
		}
	}
	content := byte(rnd.IntN(4))
	r := m.records[p]
	switch what := rnd.IntN(9); {
	case what < 4:
		e := *file(content, nil)
		switch rnd.IntN(5) {
		case 0:
			e = index.Entry{Kind: index.Dir, Mode: 0o755, Origin: testNode}
		case 1:
			e = index.Entry{Kind: index.Gone, Origin: testNode}
		case 2:
			e = index.Entry{Kind: index.Symlink, Target: "x", Origin: testPeer}
		}
		do(edit(tx, p, index.Changed, e))
		m.events = append(m.events, index.Event{Pos: m.records[p].Pos, Path: p, What: index.Changed, How: index.ByWatch,
			Node: testNode, Time: int64(m.records[p].Pos), Entry: m.records[p].Ours})
	case what == 4 && r != nil && r.Ours != nil:
		do(agree(tx, p))
	case what == 5:
		do(hear(tx, p, file(content, index.Version{{Epoch: 77, Seq: index.Seq(len(m.events) + 1)}})))
	case what == 6 && r != nil && r.Next == index.Take:
		held := *r
		held.Next = index.Held
		do(tx.Put(&held))
	case what == 7:
		do(tx.Delete(p))
	case what == 8: // an event that carries nothing, noted before it could be known
		e := index.Event{Path: p, What: index.Withheld, How: index.ByPeer, Node: testPeer, Note: "max_delete"}
		if others := slices.Sorted(maps.Keys(m.records)); len(others) > 0 && rnd.IntN(2) == 0 {
			e.From, e.To = others[rnd.IntN(len(others))], others[rnd.IntN(len(others))]
		}
		pos, err := tx.Note(e)
		if err != nil {
			t.Fatal(err)
		}
		e.Pos = pos
		m.events = append(m.events, e)
	}
}

// TestChangeWhileIterating holds that an iteration goes on where it was when
// records are put and dropped under it.
func TestChangeWhileIterating(t *testing.T) {
	t.Parallel()
	s := openTest(t, tempIndex(t))
	paths := benchPaths(500)
	update(t, s, func(tx *Tx) error {
		for _, p := range paths {
			if err := hear(tx, p, file(1, index.Version{{Epoch: 7, Seq: 1}})); err != nil {
				return err
			}
		}
		return nil
	})
	update(t, s, func(tx *Tx) error {
		var seen []index.Path
		for r, err := range tx.Todo(index.Root) {
			if err != nil {
				return err
			}
			seen = append(seen, r.Path)
			if len(seen)%2 == 0 {
				err = tx.Delete(r.Path)
			} else {
				r.Next = index.Held
				err = tx.Put(r)
			}
			if err != nil {
				return err
			}
		}
		equal(t, "Todo", seen, paths)
		for r, err := range tx.Held() {
			if err != nil {
				return err
			}
			r.Next = index.Take
			if err := tx.Put(r); err != nil {
				return err
			}
		}
		seen = nil
		for r, err := range tx.TodoBack(index.Root) {
			if err != nil {
				return err
			}
			seen = append(seen, r.Path)
			if err := tx.Delete(r.Path); err != nil {
				return err
			}
		}
		if len(seen) != 250 || seen[0] != paths[498] {
			t.Errorf("TodoBack met %d paths, the first was %v", len(seen), seen[0])
		}
		return nil
	})
	checkStore(t, s)
}
