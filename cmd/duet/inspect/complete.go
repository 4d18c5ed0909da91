package inspect

import (
	"slices"
	"strings"

	"duet/store/index"
)

// MostOffered bounds what a shell is offered at a time.
const MostOffered = 1000

// Offered is a row of Complete: something directly inside a directory.
type Offered struct {
	Path string `json:"path"` // raw, but never with bytes that a terminal cannot show
	Dir  bool   `json:"dir"`
}

// complete writes what begins with the pattern, one level of it: live paths, or
// all that the index knows, or those of which there are kept versions.
func (r *run) complete() error {
	dir, prefix := index.Root, r.Pattern
	if i := strings.LastIndexByte(r.Pattern, '/'); i >= 0 {
		var err error
		if dir, err = index.ParsePath(strings.TrimSuffix(r.Pattern[:i], "/")); err != nil {
			return err
		}
		prefix = r.Pattern[i+1:]
	}
	list := r.tx.Inside
	if r.Type == "kept" {
		list = r.tx.KeptInside
	}
	paths, err := list(dir, prefix, MostOffered)
	if err == nil && r.All {
		var more []index.Path
		more, err = r.tx.MentionedInside(dir, prefix, MostOffered)
		paths = append(paths, more...)
		slices.SortFunc(paths, index.Path.Compare)
		paths = slices.Compact(paths)
		paths = paths[:min(len(paths), MostOffered)]
	}
	if err != nil {
		return err
	}
	for _, p := range paths {
		rec, err := r.tx.Get(p)
		if err != nil {
			return err
		}
		below, err := list(p, "", 1)
		if err != nil {
			return err
		}
		live := rec != nil && (rec.Ours.Live() || rec.Theirs.Live())
		if index.Quote(string(p)) != string(p) || !live && len(below) == 0 && !r.All && r.Type != "kept" {
			continue
		}
		if err := r.out.Encode(Offered{string(p), len(below) > 0 || live && rec.Ours.LiveKind() == index.Dir}); err != nil {
			return err
		}
	}
	return nil
}
