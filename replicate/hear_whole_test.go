package replicate

import (
	"path/filepath"
	"testing"
	"time"

	"duet/diff"
	"duet/recovery"
	"duet/replicate/book"
	"duet/replicate/rounds"
	"duet/replicate/trouble"
	"duet/replicate/wire"
	"duet/scan"
	"duet/store"
	"duet/store/index"
)

// resting returns a function that makes rounds which have just walked for nothing,
// and rest for an hour.
func resting(t *testing.T) func() *rounds.Rounds {
	st, err := store.Open(filepath.Join(t.TempDir(), "s.db"), store.Options{Share: "s", Node: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	e := &index.Entry{Kind: index.File, Size: 1, Hash: scan.SumBytes([]byte("x")), Origin: 2, Version: index.Version{{Epoch: 7, Seq: 1}}}
	if err := st.Update(func(tx *store.Tx) error {
		return tx.Put(&index.Record{Path: "nowhere/x", Theirs: e, Heard: 1, Next: index.Take})
	}); err != nil {
		t.Fatal(err)
	}
	bounds, _, err := recovery.ParseBounds("50%", nil)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := scan.ParseRules(nil)
	if err != nil {
		t.Fatal(err)
	}
	o := rounds.Options{
		Book:    &book.Book{Store: st, Policy: diff.Policy{Self: 1, Peer: 2, Conflict: diff.Newer}, Rules: rules, Now: time.Now},
		Trouble: &trouble.Paths{}, Bounds: bounds,
	}
	return func() *rounds.Rounds {
		r := rounds.New(o, nil)
		if b, _, err := r.Next(rounds.Moment{Now: time.Now().Add(time.Hour)}); b != nil || err != nil {
			t.Fatalf("found %+v, %v", b, err)
		}
		if r.Kick(); r.More() {
			t.Fatal("it does not rest")
		}
		return r
	}
}

// The word that the peer's deletes are whole, and what it is about, come in any
// order: the deletes are looked at without a rest when both are there, and once.
func TestHeardWhole(t *testing.T) {
	t.Parallel()
	rest := resting(t)
	type step struct {
		whole, heard index.Seq // what comes: the word, or what it is about, written down
		looks        bool
	}
	for name, steps := range map[string][]step{
		"the word comes last":           {{heard: 4}, {heard: 7}, {whole: 7, looks: true}},
		"the word comes first":          {{whole: 7}, {heard: 4}, {heard: 7, looks: true}},
		"more has come of others":       {{heard: 9}, {whole: 7, looks: true}},
		"it is said again and again":    {{heard: 7}, {whole: 7, looks: true}, {whole: 7}, {whole: 5}, {heard: 8}},
		"the next ones":                 {{heard: 7}, {whole: 7, looks: true}, {whole: 9}, {heard: 9, looks: true}},
		"a word about less comes later": {{whole: 9}, {whole: 7}, {heard: 7}, {heard: 9, looks: true}},
	} {
		t.Run(name, func(t *testing.T) {
			l := &loop{}
			for i, s := range steps {
				l.rounds = rest()
				if s.whole > 0 {
					l.heardUs(&wire.Ack{Whole: s.whole})
				} else {
					l.heard(book.Heard{Through: s.heard})
				}
				if got := l.rounds.More(); got != s.looks {
					t.Errorf("step %d, %+v: looks %v", i, s, got)
				}
			}
		})
	}
}
