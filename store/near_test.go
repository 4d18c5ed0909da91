package store

import (
	"errors"
	"slices"
	"testing"

	"duet/store/index"
)

// What is directly inside a directory is found without what is below it, also
// where names begin alike, or with the lowest bytes.
func TestInside(t *testing.T) {
	t.Parallel()
	s := openTest(t, tempIndex(t))
	paths := []index.Path{"a", "a/b", "a/b/c", "a/b/c/d", "a/bc", "a/b\x01", "a b", "ab", "c/only/deep"}
	update(t, s, func(tx *Tx) error {
		for _, p := range paths {
			if err := edit(tx, p, index.Created, index.Entry{Kind: index.Dir}); err != nil {
				return err
			}
			if _, err := tx.AddKept(index.Kept{Path: p, Reason: index.Removed}); err != nil {
				return err
			}
		}
		return nil
	})
	for _, test := range []struct {
		dir    index.Path
		prefix string
		limit  int
		want   []index.Path
	}{
		{"", "", 99, []index.Path{"a", "a b", "ab", "c"}},
		{"", "", 2, []index.Path{"a", "a b"}},
		{"", "a", 99, []index.Path{"a", "a b", "ab"}},
		{"a", "", 99, []index.Path{"a/b", "a/b\x01", "a/bc"}},
		{"a", "bc", 99, []index.Path{"a/bc"}},
		{"a/b", "", 99, []index.Path{"a/b/c"}},
		{"c", "o", 99, []index.Path{"c/only"}},
		{"nowhere", "", 99, nil},
		{"ab", "", 99, nil},
	} {
		view(t, s, func(tx *Tx) error {
			got, err := tx.Inside(test.dir, test.prefix, test.limit)
			kept, err2 := tx.KeptInside(test.dir, test.prefix, test.limit)
			if !slices.Equal(got, test.want) || !slices.Equal(kept, test.want) {
				t.Errorf("inside %q, %q: %q, kept %q, want %q", test.dir, test.prefix, got, kept, test.want)
			}
			return errors.Join(err, err2)
		})
	}
	view(t, s, func(tx *Tx) error {
		got, err := tx.Named("c", 9, 99)
		if !slices.Equal(got, []index.Path{"a/b/c"}) {
			t.Errorf("named c: %q", got)
		}
		return err
	})
}
