package inspect

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duet/store"
	"duet/store/index"
)

// told is a journal in which a file is created as a, renamed to b and to c/d, and
// another is created as a; as a scan finds it, the last rename is told by the
// delete alone.
func told(t *testing.T) *store.Store {
	t.Helper()
	st, err := store.Open(filepath.Join(t.TempDir(), "s.db"), store.Options{Share: "s", Node: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	err = st.Update(func(tx *store.Tx) error {
		for i, e := range []index.Event{
			{Path: "a", What: index.Created},            // 1
			{Path: "b", What: index.Created, From: "a"}, // 2
			{Path: "a", What: index.Deleted, To: "b"},   // 3
			{Path: "b", What: index.Changed},            // 4
			{Path: "a", What: index.Created},            // 5: another file
			{Path: "c", What: index.Created},            // 6
			{Path: "c/d", What: index.Created},          // 7
			{Path: "b", What: index.Deleted, To: "c/d"}, // 8
			{Path: "cd", What: index.Created},           // 9
		} {
			e.How, e.Node, e.Time = index.ByWatch, 1, int64(i)
			if e.What != index.Deleted {
				e.Entry = &index.Entry{Kind: index.Dir}
			}
			if _, err := tx.Note(e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// answers runs a query and returns the positions in its rows.
func answers(t *testing.T, st *store.Store, q Query) (at []uint64) {
	t.Helper()
	q.Share = "s"
	var out bytes.Buffer
	if err := st.View(func(tx *store.Tx) error { return Run(tx, q, "", &out) }); err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	for line := range strings.Lines(out.String()) {
		var row Logged
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		if row.Event != nil && row.Pos != 0 {
			at = append(at, row.Pos)
		}
	}
	return at
}

// The history of a path goes on under the names that it had before and after,
// and never under those of another file that had its name.
func TestHistoryAcrossRenames(t *testing.T) {
	st := told(t)
	for _, test := range []struct {
		q    Query
		want []uint64
	}{
		{Query{Pattern: "c/d"}, []uint64{8, 7, 4, 3, 2, 1}},
		{Query{Pattern: "b"}, []uint64{8, 7, 4, 3, 2, 1}},
		{Query{Pattern: "a"}, []uint64{8, 7, 5, 4, 3, 2, 1}},
		{Query{Pattern: "c"}, []uint64{8, 7, 6}},
		{Query{Pattern: "c", Limit: 2}, []uint64{8, 7}},
		{Query{Pattern: "cd"}, []uint64{9}},
		{Query{Pattern: "c*"}, []uint64{9, 6}},
		{Query{Limit: 3}, []uint64{9, 8, 7}},
	} {
		test.q.Kind = History
		if got := answers(t, st, test.q); !slices.Equal(got, test.want) {
			t.Errorf("history of %+v is %d, want %d", test.q, got, test.want)
		}
	}
}

// A log that is asked for one path says the same as one that reads everything.
func TestLogOfPath(t *testing.T) {
	st := told(t)
	for _, p := range []string{"a", "b", "c", "c/d", "cd"} {
		for limit := range 4 {
			for _, w := range []Window{{}, {Since: 3}, {Until: 6}, {Since: 2, Until: 7}} {
				found := answers(t, st, Query{Kind: Log, Pattern: p, Limit: limit, Window: w})
				whole := answers(t, st, Query{Kind: Log, Pattern: p, From: 1, Window: w})
				if limit > 0 && len(whole) > limit {
					whole = whole[len(whole)-limit:]
				}
				if !slices.Equal(found, whole) {
					t.Errorf("log of %s, limit %d, window %+v: %d, want %d", p, limit, w, found, whole)
				}
			}
		}
	}
}

func TestScope(t *testing.T) {
	for text, want := range map[string]index.Path{
		"": "", "a/b": "a/b", "*.png": "", "a/*": "a", "/a/b/*.png": "a/b", "a/**/c": "a", "**/c": "", "a[bc]/d": "", "a/b?/c": "a",
	} {
		if got := (pattern{text, IsGlob(text)}).scope(); got != want {
			t.Errorf("%q can match below %q, want %q", text, got, want)
		}
	}
}
