package model

import (
	"duet/diff"
	"duet/store/index"
)

// ref stands for a value that many states share, such as an entry: its number
// in a table. With these a state has no pointers, takes some 150 bytes, and is
// copied, compared and hashed as the plain memory that it is.
type ref uint32

// table numbers values, by their keys, from 1; 0 is none.
type table[K comparable, V any] struct {
	byKey map[K]ref
	all   []V
}

func newTable[K comparable, V any]() *table[K, V] {
	var none V
	return &table[K, V]{byKey: map[K]ref{}, all: []V{none}}
}

func (t *table[K, V]) get(r ref) V { return t.all[r] }

func (t *table[K, V]) put(key K, v V) ref {
	r, ok := t.byKey[key]
	if !ok {
		r = ref(len(t.all))
		t.all = append(t.all, v)
		t.byKey[key] = r
	}
	return r
}

// tables are all values of one search.
type tables struct {
	entries  *table[string, *index.Entry]
	runs     *table[string, []index.Run]
	messages *table[message, message]
	nodes    *table[node, node]
	verdicts map[question]verdict
}

func newTables() *tables {
	return &tables{
		newTable[string, *index.Entry](), newTable[string, []index.Run](),
		newTable[message, message](), newTable[node, node](), map[question]verdict{},
	}
}

func (t *tables) entry(r ref) *index.Entry { return t.entries.get(r) }

// put numbers an entry by what index.EqualEntries looks at, as far as it is
// not the same in all entries of the model.
func (t *tables) put(e *index.Entry) ref {
	if e == nil {
		return 0
	}
	b := []byte{byte(e.Kind), e.Hash[0], byte(e.Origin), 0, byte(len(e.Version))}
	if e.Apart {
		b[3] = 1
	}
	all := []index.Version{e.Version, e.Over}
	if e.Settled != nil {
		all = append(all, e.Settled.Upto)
		b[3] += 2
	}
	b = append(b, byte(len(e.Over)))
	for _, v := range all {
		for _, c := range v {
			b = append(b, byte(c.Epoch), byte(c.Seq))
		}
	}
	return t.entries.put(string(b), e)
}

func (t *tables) putRuns(runs []index.Run) ref {
	var b []byte
	for _, r := range runs {
		b = append(b, byte(r.From), byte(r.ID))
	}
	return t.runs.put(string(b), runs)
}

// question is what diff.Decide is asked.
type question struct {
	node         uint8
	ours, theirs ref
}

// verdict is its answer.
type verdict struct {
	act      diff.Act
	line     string
	entry    ref
	conflict bool
}

// ask asks diff.Decide, once for each question: it is a pure function.
func (m *model) ask(i int, ours, theirs ref) verdict {
	q := question{uint8(i), ours, theirs}
	v, known := m.verdicts[q]
	if !known {
		d := m.decide(m.entry(ours), m.entry(theirs), m.policy(i))
		v = verdict{d.Act, d.Line, m.put(d.Entry), d.Conflict}
		m.verdicts[q] = v
	}
	return v
}
