package diff

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"duet/store/index"
)

type named struct {
	path index.Path
}

func list(words string) iter.Seq2[named, error] {
	return func(yield func(named, error) bool) {
		for _, w := range strings.Fields(words) {
			if w == "!" {
				if !yield(named{}, errors.New("broken")) {
					return
				}
				continue
			}
			if !yield(named{path: index.Path(w)}, nil) {
				return
			}
		}
	}
}

func pathOf(n named) index.Path { return n.path }

func TestMerge(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"", "", ""},
		{"a b", "", "a< b<"},
		{"", "a b", ">a >b"},
		{"a c", "a b c", "a= >b c="},
		{"d d/x d-e", "d d/y d-e e", "d= d/x< >d/y d-e= >e"},
		{"a b", "b a", "a< b= error: merge: a comes after b, out of walk order"},
		{"d-e d/x", "", "d-e< error: merge: d/x comes after d-e, out of walk order"},
		{"a a", "", "a< error: merge: a comes after a, out of walk order"},
		{"a ! c", "a b", "a= error: broken"},
		{"a c", "!", "error: broken"},
		{"a b c", "a !", "a= error: broken"},
	} {
		var got []string
		for both, err := range Merge(list(c.a), list(c.b), pathOf, pathOf) {
			switch {
			case err != nil:
				got = append(got, "error: "+err.Error())
			case both.InA && both.InB:
				got = append(got, string(both.A.path)+"=")
			case both.InA:
				got = append(got, string(both.A.path)+"<")
			default:
				got = append(got, ">"+string(both.B.path))
			}
			if err == nil && both.Path != both.A.path && both.Path != both.B.path {
				t.Errorf("path %v of %+v", both.Path, both)
			}
		}
		if got := strings.Join(got, " "); got != c.want {
			t.Errorf("%q with %q:\ngot  %s\nwant %s", c.a, c.b, got, c.want)
		}
	}
}

func TestMergeStopsWithItsReader(t *testing.T) {
	running := 0
	endless := func(yield func(named, error) bool) {
		running++
		defer func() { running-- }()
		for i := 0; ; i++ {
			if !yield(named{path: index.Path(fmt.Sprintf("%09d", i))}, nil) {
				return
			}
		}
	}
	var seen []index.Path
	for both := range Merge(endless, endless, pathOf, pathOf) {
		if seen = append(seen, both.Path); len(seen) == 3 {
			break
		}
	}
	if want := []index.Path{"000000000", "000000001", "000000002"}; !slices.Equal(seen, want) {
		t.Errorf("got %v, want %v", seen, want)
	}
	if running != 0 {
		t.Errorf("%d sequences were left running", running)
	}
}

func TestMergeHoldsNothingBack(t *testing.T) {
	// With endless input, anything but constant memory would not come back.
	count := func(yield func(named, error) bool) {
		for i := range 30_000 {
			if !yield(named{path: index.Path(fmt.Sprintf("%09d", i))}, nil) {
				return
			}
		}
	}
	n := 0
	perPath := testing.AllocsPerRun(1, func() {
		n = 0
		for range Merge(count, count, pathOf, pathOf) {
			n++
		}
	}) / 30_000
	if n != 30_000 {
		t.Fatalf("%d paths", n)
	}
	if perPath > 10 {
		t.Errorf("%.1f allocations for each path", perPath)
	}
}
