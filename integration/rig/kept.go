package rig

import (
	"encoding/json"
	"path/filepath"
	"strings"
)

// KeptRow is a row of `duet kept ls --json`.
type KeptRow struct {
	Share  string `json:"share"`
	ID     int64  `json:"id"`
	Path   string `json:"path"`
	Reason string `json:"reason"`
	Held   string `json:"held"` // its name in the holding area
}

// Kept lists n's kept versions, as a person sees them.
func (n *Node) Kept() []KeptRow {
	n.t.Helper()
	var all []KeptRow
	if err := json.Unmarshal([]byte(n.Must("kept", "ls", "--json")), &all); err != nil {
		n.t.Fatalf("kept ls --json: %v", err)
	}
	return all
}

// KeptDir is where the kept versions of n's first share lie, by the layout
// that docs/operations.md promises to administrators.
func (n *Node) KeptDir() string {
	share := n.Shares[0]
	return filepath.Join(filepath.Dir(n.Root(share)), ".duet-"+share, "kept")
}

// KeptContents returns the contents of both nodes' kept versions. What is in
// the holding area and is not listed, or is listed and is not there, is an
// error: a person could not get it back.
func (p *Pair) KeptContents() map[[32]byte]bool {
	p.t.Helper()
	kept := map[[32]byte]bool{}
	for _, n := range p.Nodes() {
		tree, err := ReadTree(n.KeptDir())
		if err != nil {
			p.t.Fatal(err)
		}
		listed := map[string]bool{}
		for _, row := range n.Kept() {
			if _, ok := tree[row.Held]; !ok && row.Held != "" && row.Share == n.Shares[0] {
				p.t.Errorf("%s: kept version %d of %s is not in the holding area: %s", n.Name, row.ID, row.Path, row.Held)
			}
			listed[row.Held] = true
		}
		for path, item := range tree {
			if top, _, _ := strings.Cut(path, "/"); !listed[top] {
				p.t.Errorf("%s: %s is in the holding area, but `duet kept ls` does not list it", n.Name, path)
			}
			kept[item.Sum] = true
		}
	}
	return kept
}
