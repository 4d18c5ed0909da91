package recovery

import (
	"fmt"
	"slices"
	"strings"

	"duet/store/index"
)

// Bound is how many deletes at and below a directory may happen without a
// person's approval.
type Bound struct {
	Dir   index.Path // Root: the whole share
	Limit Limit
}

// Holds reports whether p is at or below the bound's directory.
func (b Bound) Holds(p index.Path) bool {
	return b.Dir == index.Root || p == b.Dir || p.Under(b.Dir)
}

// Bounds are max_delete, which is of the whole share and comes first, and
// max_delete_under, each directory after those above it. A delete counts
// against every bound that holds its path.
type Bounds []Bound

// Under is one item of max_delete_under, as it is written.
type Under struct{ Dir, Limit string }

// maxUnder bounds max_delete_under: every delete is held against each.
const maxUnder = 64

// ParseBounds reads max_delete and max_delete_under. An error is of the item
// with the returned number, -1 for max_delete itself.
func ParseBounds(all string, under []Under) (Bounds, int, error) {
	l, err := ParseLimit(all)
	if err != nil {
		return nil, -1, err
	}
	bounds := Bounds{{index.Root, l}}
	for i, u := range under {
		dir, err := index.ParsePath(strings.Trim(u.Dir, "/"))
		switch {
		case strings.Trim(u.Dir, "/") == "":
			err = fmt.Errorf("max_delete_under: dir %q is the whole share, whose limit is max_delete", u.Dir)
		case err != nil:
			err = fmt.Errorf("max_delete_under: dir %q: %w", u.Dir, err)
		case u.Limit == "":
			err = fmt.Errorf("max_delete_under: dir %q has no limit", u.Dir)
		case slices.ContainsFunc(bounds, func(b Bound) bool { return b.Dir == dir }):
			err = fmt.Errorf("max_delete_under: dir %q is there twice", u.Dir)
		case len(bounds) > maxUnder:
			err = fmt.Errorf("max_delete_under: more than %d directories", maxUnder)
		default:
			l, err = ParseLimit(u.Limit)
		}
		if err != nil {
			return nil, i, err
		}
		bounds = append(bounds, Bound{dir, l})
	}
	slices.SortStableFunc(bounds, func(a, b Bound) int { return strings.Count(string(a.Dir), "/") - strings.Count(string(b.Dir), "/") })
	return bounds, 0, nil
}
