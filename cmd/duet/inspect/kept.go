package inspect

import (
	"fmt"
	"slices"
	"strings"

	"duet/cmd/duet/exit"
	"duet/store/index"
)

// KeptDetail is the row of kept show.
type KeptDetail struct {
	Kept
	Now       *Entry   `json:"now"`       // what the index has at its path now; null: nothing
	Conflicts []uint64 `json:"conflicts"` // that it lost
	Versions  []uint64 `json:"versions"`  // all kept versions of its path, oldest first
}

// kept lists all, oldest first, or the newest Limit of them, newest first.
func (r *run) kept() error {
	match, err := r.Window.Match(r.names)
	if err != nil {
		return err
	}
	all := r.tx.AllKept()
	if r.Limit > 0 {
		all = r.tx.KeptBack()
	}
	n := 0
	for k, err := range all {
		if err != nil {
			return err
		}
		if !r.want.match(k.Path) || !match(&k) {
			continue
		}
		if err := r.out.Encode(r.names.kept(r.Share, k)); err != nil {
			return err
		}
		if n++; n == r.Limit {
			break
		}
	}
	return nil
}

func (r *run) keptShow() error {
	k, err := r.tx.GetKept(r.ID)
	if err != nil {
		return err
	}
	if k == nil {
		return exit.Errorf(exit.Partial, "share %q: there is no kept version %d: see 'duet kept ls', or 'duet log' for what was pruned", r.Share, r.ID)
	}
	row := KeptDetail{Kept: r.names.kept(r.Share, *k), Conflicts: []uint64{}, Versions: slices.Collect(r.tx.KeptOf(k.Path))}
	rec, err := r.tx.Get(k.Path)
	if err != nil {
		return err
	}
	if rec != nil {
		row.Now = r.names.entry(rec.Ours)
	}
	for c, err := range r.tx.Conflicts() {
		if err != nil {
			return err
		}
		if c.Kept == k.ID {
			row.Conflicts = append(row.Conflicts, c.ID)
		}
	}
	return r.out.Encode(row)
}

func (k KeptDetail) text(s Style) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-10s %s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(&b, "kept version %d of %s\n", k.ID, s.path(k.Share, k.Path))
	line("displaced", "%s, %s, by %s", when(k.Time), k.Reason, orDash(k.By))
	line("was", "%s", sideText(k.Entry))
	if k.Entry != nil && k.Entry.Hash != "" {
		line("hash", "%s", k.Entry.Hash)
	}
	switch {
	case k.Now == nil || k.Now.Kind == index.Gone.String():
		line("now", "nothing is there")
	case k.Entry != nil && k.Now.Kind == k.Entry.Kind && k.Now.Hash == k.Entry.Hash && k.Now.Target == k.Entry.Target:
		line("now", "the same content: %s", k.Now.long())
	default:
		line("now", "%s", k.Now.long())
	}
	if k.Held != "" {
		line("held as", "kept/%s in the holding area", k.Held)
	}
	for _, id := range k.Conflicts {
		line("conflict", "it lost conflict %d: duet conflicts --share %s", id, Shell(k.Share))
	}
	if n := len(k.Versions); n > 1 {
		line("versions", "%d are kept of this path: %s", n, strings.Trim(fmt.Sprint(k.Versions), "[]"))
	}
	line("restore", "duet kept restore %d --share %s", k.ID, Shell(k.Share))
	return b.String()
}
