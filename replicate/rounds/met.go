package rounds

import (
	"fmt"
	"iter"

	"duet/store"
	"duet/store/index"
)

// met are the removals that the walk has come by: it looks at their records, they may
// turn out to have been renamed, they are counted, and at last they are done. For all
// of that they are read once, as long as the index is as it was then.
type met struct {
	at      store.Moment
	records map[index.Path]*index.Record // the first maxMet
}

// maxMet bounds them.
const maxMet = maxMoves

// add remembers a record of this moment.
func (m *met) add(tx *store.Tx, r *index.Record) {
	if now := tx.Moment(); m.records == nil || m.at != now {
		*m = met{at: now, records: map[index.Path]*index.Record{}}
	}
	if len(m.records) < maxMet {
		m.records[r.Path] = r
	}
}

// get is tx.Get.
func (m *met) get(tx *store.Tx, p index.Path) (*index.Record, error) {
	if r := m.records[p]; r != nil && m.at == tx.Moment() {
		return r, nil
	}
	return tx.Get(p)
}

// todo is tx.Todo from Root on, or tx.TodoBack.
func (m *met) todo(tx *store.Tx, back bool) iter.Seq2[*index.Record, error] {
	if !back && m.at != tx.Moment() {
		return tx.Todo(index.Root)
	}
	if m.at != tx.Moment() {
		return tx.TodoBack(index.Root)
	}
	return func(yield func(*index.Record, error) bool) {
		for p, err := range tx.TodoPaths(back) {
			var r *index.Record
			if err == nil {
				r, err = m.get(tx, p)
			}
			if err == nil && r == nil {
				err = fmt.Errorf("%v is listed and has no record", p)
			}
			if !yield(r, err) {
				return
			}
		}
	}
}
