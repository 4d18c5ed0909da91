package explain

import (
	"fmt"
	"strings"

	"duet/store/index"
)

// Near is another path that may be meant.
type Near struct {
	Path string `json:"path"`
	Why  string `json:"why"`  // same name elsewhere, similar name beside it
	Gone bool   `json:"gone"` // deleted, and still remembered
}

// Bounds of the search for paths that may be meant.
const (
	maxNear    = 8
	nearLook   = 200_000 // paths whose name is compared; that takes some ten milliseconds
	nearBeside = 2_000   // names in the same directory
)

// near looks for what may be meant by a path that nothing is known of.
func (a *asking) near() error {
	if a.rec != nil || len(a.trail) > 0 || len(a.out.Kept) > 0 || len(a.out.Ignored) > 0 {
		return nil
	}
	if err := a.beside(); err != nil {
		return err
	}
	paths, err := a.tx.Named(a.path.Leaf(), maxNear, nearLook)
	if err != nil {
		return err
	}
	for _, p := range paths {
		if err := a.addNear(p, "the same name elsewhere"); err != nil {
			return err
		}
	}
	return nil
}

func (a *asking) addNear(p index.Path, why string) error {
	for _, n := range a.out.Near {
		if n.Path == p.String() {
			return nil
		}
	}
	r, err := a.tx.Get(p)
	if err != nil || len(a.out.Near) >= maxNear {
		return err
	}
	a.out.Near = append(a.out.Near, Near{p.String(), why, r == nil || !r.Ours.Live() && !r.Theirs.Live()})
	return nil
}

// beside looks for similar names in the same directory.
func (a *asking) beside() error {
	dir, name := a.path.Parent(), strings.ToLower(a.path.Leaf())
	beside, err := a.tx.Inside(dir, "", nearBeside)
	if err != nil {
		return err
	}
	for _, next := range beside {
		if d := distance(strings.ToLower(next.Leaf()), name); next != a.path && d <= 1+len(name)/6 {
			if err := a.addNear(next, "a similar name beside it"); err != nil {
				return err
			}
		}
	}
	return nil
}

// missingFrom says what of the path is not there to begin with.
func (a *asking) missingFrom() string {
	above := index.Root
	for d := a.path.Parent(); d != index.Root; d = d.Parent() {
		r, err := a.tx.Get(d)
		if err == nil && r != nil && (r.Ours.Live() || r.Theirs.Live()) {
			above = d
			break
		}
	}
	if above == a.path.Parent() {
		return ""
	}
	rest := strings.TrimPrefix(string(a.path), string(above)+"/")
	first, _, _ := strings.Cut(rest, "/")
	p, _ := above.Join(first)
	return fmt.Sprintf("nothing is known of %v either, the directory that would hold it", p)
}

// distance is Levenshtein's: how many letters differ. It gives up beyond 64.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return max(len(a), len(b))
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := last
			if a[i] != b[j] {
				cost++
			}
			last = row[j+1]
			row[j+1] = min(cost, row[j]+1, last+1)
		}
	}
	return row[len(b)]
}
