package install

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"duet/store/index"
)

// Everything is looked at, and once; and an error of one part is that of all.
func TestAbreast(t *testing.T) {
	for _, n := range []int{0, 1, abreastPart, 3*abreastPart - 1, 3 * abreastPart, 20*abreastPart + 1} {
		seen := make([]atomic.Int32, n)
		err := abreast(n, func(from, end int) error {
			for i := from; i < end; i++ {
				seen[i].Add(1)
			}
			return nil
		})
		if err != nil {
			t.Errorf("%d: %v", n, err)
		}
		for i := range seen {
			if got := seen[i].Load(); got != 1 {
				t.Errorf("%d: number %d was looked at %d times", n, i, got)
			}
		}
		no := errors.New("no")
		for _, at := range []int{0, n / 2, n - 1} {
			err := abreast(n, func(from, end int) error {
				if from <= at && at < end {
					return no
				}
				return nil
			})
			if n > 0 && !errors.Is(err, no) {
				t.Errorf("%d: number %d says no, and all say %v", n, at, err)
			}
		}
	}
}

// Of a directory with so much in it that it is looked at by several, one file that
// somebody has saved is enough for it not to go at once, nor to be moved as a whole.
func TestLargeDirectoryIsLookedAt(t *testing.T) {
	const n = 10 * abreastPart
	name := func(top string, i int) string { return fmt.Sprintf("%s/%d/f%04d", top, i/400, i) }
	all := func(top string) tree {
		tr := tree{top: dir()}
		for i := range n {
			tr[filepath.Dir(name(top, i))] = dir()
			tr[name(top, i)] = file(fmt.Sprint(i))
		}
		return tr
	}
	moves := map[string]string{}
	for p := range all("old") {
		moves["new"+p[len("old"):]] = p
	}
	for _, at := range []int{-1, 0, n / 2, n - 1} {
		for what, test := range map[string]struct {
			want  tree
			moves map[string]string
			op    string
		}{
			"removed": {tree{"stays": file("stays")}, nil, "shelve"},
			"renamed": {all("new"), moves, "move"},
		} {
			t.Run(fmt.Sprint(what, at), func(t *testing.T) {
				w := newWorld(t, scratch(t))
				have := all("old")
				if test.moves == nil {
					have["stays"] = file("stays")
				}
				w.seed(have)
				w.hear(test.want)
				jobs := w.jobs(test.want, test.moves)
				if at >= 0 {
					if err := os.WriteFile(filepath.Join(w.root(), name("old", at)), []byte(saved), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				whole := false
				w.fated(&fate{before: func(op string, p index.Path) { whole = whole || op == test.op && p == "old" }})
				for _, o := range w.batch(jobs) {
					if o.Path == "new" && o.Apart != (at >= 0) {
						t.Errorf("it is to be taken apart: %v", o.Apart)
					}
				}
				if whole != (at < 0) {
					t.Errorf("the directory as a whole: %v", whole)
				}
				if x := w.onDisk()[name("old", max(at, 0))]; at >= 0 && x.text != saved {
					t.Errorf("what was saved is %+v", x)
				}
			})
		}
	}
}
