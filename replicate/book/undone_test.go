package book

import (
	"fmt"
	"testing"

	"duet/store/index"
)

func TestUndone(t *testing.T) {
	var u Undone
	before := u.Now()
	u.Note("d")
	u.Note("f")
	after := u.Now()
	for _, c := range []struct {
		path  index.Path
		began uint64
		want  bool
	}{
		{"d", before, true},
		{"d/x/y", before, true},
		{"f", before, true},
		{"f", before + 1, true}, // d was put back before it began, f after
		{"d", before + 1, false},
		{"other", before, false},
		{"d2", before, false},
		{"d", after, false},
		{"f", after, false},
	} {
		if got := u.Since(c.path, c.began); got != c.want {
			t.Errorf("Since(%v, %d) = %v, want %v", c.path, c.began, got, c.want)
		}
	}
}

// What is too much to remember counts as seen.
func TestUndoneIsBounded(t *testing.T) {
	var u Undone
	before := u.Now()
	for i := range 2*maxUndone + 1 {
		u.Note(index.Path(fmt.Sprint("f", i)))
	}
	if len(u.last) > maxUndone {
		t.Errorf("%d paths are remembered", len(u.last))
	}
	now := u.Now()
	u.Note("last")
	if !u.Since("f0", before) || !u.Since("last", now) || u.Since("f0", now) {
		t.Error("what was forgotten is not taken for seen, or more than that is")
	}
}
