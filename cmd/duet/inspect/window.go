package inspect

import (
	"fmt"
	"slices"
	"strings"

	"duet/cmd/duet/exit"
	"duet/store"
	"duet/store/index"
)

// Window selects kept versions. What is empty selects all.
type Window struct {
	Since   int64  `json:"since_ns,omitempty"` // displaced then or later
	Until   int64  `json:"until_ns,omitempty"` // displaced before then
	Reason  string `json:"reason,omitempty"`   // see Reasons
	By      string `json:"by,omitempty"`       // name of the node whose change displaced it
	Pattern string `json:"pattern,omitempty"`  // raw path, or glob
}

// Reasons are the words for why something was displaced.
func Reasons() []string {
	var out []string
	for r := index.Overwritten; r <= index.Corrupt; r++ {
		out = append(out, r.String())
	}
	return out
}

// NewNames is for a share with that meta record.
func NewNames(self, peer string, m store.Meta) Names { return Names{self, peer, m} }

// Match returns what w selects.
func (w Window) Match(n Names) (func(*index.Kept) bool, error) {
	want := pattern{w.Pattern, IsGlob(w.Pattern)}
	if !want.valid() {
		return nil, exit.Errorf(exit.Usage, "pattern %s: not a glob: a '[' must have its ']'", index.Quote(w.Pattern))
	}
	reason := w.Reason
	if reason == "delete" {
		reason = index.Removed.String()
	}
	if all := Reasons(); reason != "" && !slices.Contains(all, reason) {
		return nil, exit.Errorf(exit.Usage, "reason %q is not known: write one of %s", w.Reason, strings.Join(all, ", "))
	}
	if w.By != "" && w.By != n.Self && w.By != n.Peer {
		return nil, exit.With(exit.Usage, fmt.Errorf("there is no node %q: write %s or %s", w.By, n.Self, n.Peer))
	}
	if w.Until != 0 && w.Until <= w.Since {
		return nil, exit.Errorf(exit.Usage, "--until is not after --since")
	}
	return func(k *index.Kept) bool {
		return k.Time >= w.Since && (w.Until == 0 || k.Time < w.Until) && (reason == "" || k.Reason.String() == reason) &&
			(w.By == "" || n.node(k.By) == w.By) && want.match(k.Path)
	}, nil
}
