package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"duet/diff"
	"duet/replicate/report"
	"duet/store/index"
)

// Take is what a person wants a path to be.
type Take uint8

// What a person can want.
const (
	ByRule Take = iota // what the rules of the share make of it
	Ours
	Theirs
	Newest
	Both // the winner keeps the name, the loser gets another one
	Skip // it waits
)

var takeWords = []string{"rule", "ours", "theirs", "newest", "both", "skip"}

func (t Take) String() string { return takeWords[t] }

// ParseTake reads what a person wants; a node's name is its side.
func ParseTake(word, self, peer string) (Take, error) {
	if i := slices.Index(takeWords, word); i >= 0 {
		return Take(i), nil
	}
	switch word {
	case self:
		return Ours, nil
	case peer:
		return Theirs, nil
	}
	return ByRule, fmt.Errorf("%q is no choice: want %s, or a node's name (%s, %s)", word, strings.Join(takeWords, ", "), self, peer)
}

// MaxChoices bounds what a person can choose path by path.
const MaxChoices = 100_000

// Orders is what a person wants otherwise than the rules of the share.
type Orders struct {
	asked report.Orders

	policy  diff.Policy // for conflicts; the share's if nothing else was asked
	other   bool        // it is not the share's
	reserve index.Reserve
	choices map[index.Path]Take
	digest  string
}

// WrongOrders is why nothing can be made of what a person wants.
type WrongOrders struct{ error }

func (w *WrongOrders) Unwrap() error { return w.error }

// ParseOrders reads what a person wants. The share is run by policy; nodes are
// the names of both.
func ParseOrders(asked *report.Orders, policy diff.Policy, self, peer string) (*Orders, error) {
	o, err := parseOrders(asked, policy, self, peer)
	if err != nil {
		return nil, &WrongOrders{err}
	}
	return o, nil
}

func parseOrders(asked *report.Orders, policy diff.Policy, self, peer string) (*Orders, error) {
	o := &Orders{policy: policy, choices: map[index.Path]Take{}}
	if asked == nil {
		asked = &report.Orders{}
	}
	o.asked = *asked
	nodes := map[string]index.NodeID{self: policy.Self, peer: policy.Peer}
	switch asked.Conflict {
	case "":
	case "hold":
		o.reserve.Conflicts = true
	default:
		rule, winner, err := diff.ParseConflict(asked.Conflict, nodes)
		if err != nil {
			return nil, err
		}
		o.policy.Conflict, o.policy.Winner = rule, winner
		o.other = rule != policy.Conflict || winner != policy.Winner
	}
	switch asked.Deletes {
	case "":
	case "hold":
		o.reserve.Deletes = true
	default:
		return nil, fmt.Errorf("deletes %q: for one plan they can only be held: want hold", asked.Deletes)
	}
	for _, text := range asked.Paths {
		p, err := index.ParsePattern(text)
		if err != nil {
			return nil, err
		}
		o.reserve.Only = append(o.reserve.Only, p)
	}
	if err := o.choose(asked.Choices, self, peer); err != nil {
		return nil, err
	}
	if err := o.reserve.Check(); err != nil {
		return nil, fmt.Errorf("%w: leave more out with --path, or hold all conflicts with --conflict hold", err)
	}
	o.sum()
	return o, nil
}

func (o *Orders) choose(list []report.Choice, self, peer string) error {
	if len(list) > MaxChoices {
		return fmt.Errorf("%d choices: the limit is %d; choose a policy for the rest with --conflict", len(list), MaxChoices)
	}
	for _, c := range list {
		raw, err := index.Unquote(c.Path)
		if err != nil {
			return fmt.Errorf("choice for %s: %w", c.Path, err)
		}
		p, err := index.ParsePath(raw)
		if err != nil {
			return fmt.Errorf("choice: %w", err)
		}
		t, err := ParseTake(c.Take, self, peer)
		if err != nil {
			return fmt.Errorf("choice for %v: %w", p, err)
		}
		switch {
		case t == ByRule:
		case o.reserve.Excludes(p):
			return fmt.Errorf("choice for %v: --path does not select it", p)
		case t == Skip:
			o.reserve.Skip = append(o.reserve.Skip, p)
		default:
			o.choices[p] = t
		}
	}
	slices.SortFunc(o.reserve.Skip, index.Path.Compare)
	o.reserve.Skip = slices.Compact(o.reserve.Skip)
	return nil
}

// sum makes the digest: of what is wanted, not of how it was written.
func (o *Orders) sum() {
	h := sha256.New()
	fmt.Fprintf(h, "conflict %v %v %v\ndeletes %v\n", o.other, o.policy.Conflict, o.policy.Winner, o.reserve.Deletes)
	fmt.Fprintf(h, "hold %v\n", o.reserve.Conflicts)
	for _, p := range o.reserve.Only {
		fmt.Fprintf(h, "only %q\n", p.Text())
	}
	for _, p := range o.reserve.Skip {
		fmt.Fprintf(h, "skip %q\n", string(p))
	}
	paths := make([]index.Path, 0, len(o.choices))
	for p := range o.choices {
		paths = append(paths, p)
	}
	slices.SortFunc(paths, index.Path.Compare)
	for _, p := range paths {
		fmt.Fprintf(h, "take %q %v\n", string(p), o.choices[p])
	}
	o.digest = hex.EncodeToString(h.Sum(nil)[:8])
}

// Plain reports whether nothing is wanted but what the rules make of it.
func (o *Orders) Plain() bool {
	return !o.other && len(o.choices) == 0 && o.reserve.Empty()
}

// Rules reports whether something is to be settled otherwise than by the rules.
func (o *Orders) Rules() bool { return o.other || len(o.choices) > 0 }

// Digest tells different orders apart.
func (o *Orders) Digest() string { return o.digest }

// Reserve is what is left out, besides what cannot be done as it was chosen.
func (o *Orders) Reserve() index.Reserve { return o.reserve }

// Asked is what was asked; nil if nothing was.
func (o *Orders) Asked() *report.Orders {
	if a := &o.asked; a.Conflict == "" && a.Deletes == "" && len(a.Paths) == 0 && len(a.Choices) == 0 {
		return nil
	}
	return &o.asked
}
