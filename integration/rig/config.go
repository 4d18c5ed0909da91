package rig

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Options says what a pair looks like. The zero value is one share, "data",
// with every default; a listens on loopback and b dials.
type Options struct {
	Shares  []string            // names; default: data
	Share   map[string]string   // lines of every share, key to raw YAML value
	Only    map[string][2]Lines // by share: lines that only a, and only b, has
	Top     map[string]string   // lines of the top level
	Both    bool                // both listen and both dial
	User    *User               // who runs the daemons; nil: who runs the test
	Names   [2]string           // default: a and b
	Hosts   [2]string           // where a and b listen; default: 127.0.0.1
	Wrap    [2][]string         // words before the command line of a's and b's daemon
	NoPeers bool                // leave the peers' keys out: for what must then be refused
}

// Lines are lines of a share, key to raw YAML value.
type Lines map[string]string

// writeConfig writes n's configuration file.
func (n *Node) writeConfig(t testing.TB, o Options, side int, peer *Node) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "node: %s\nstate: %q\n", n.Name, n.State)
	if n.Listen != "" {
		fmt.Fprintf(&b, "listen: %q\n", n.Listen)
	}
	for key, value := range o.Top {
		fmt.Fprintf(&b, "%s: %s\n", key, value)
	}
	fmt.Fprintf(&b, "peer:\n  name: %s\n", peer.Name)
	if peer.Listen != "" {
		fmt.Fprintf(&b, "  address: %q\n", peer.Listen)
	}
	if !o.NoPeers {
		fmt.Fprintf(&b, "  key: %s\n", peer.Key)
	}
	b.WriteString("shares:\n")
	for _, share := range n.Shares {
		fmt.Fprintf(&b, "  - name: %s\n    path: %q\n", share, n.Root(share))
		if o.Share["keep"] == "" && o.Share["min_free"] == "" && o.Only[share][side]["keep"] == "" {
			b.WriteString("    keep: {age: off, versions: off, size: off}\n    min_free: off\n    journal: {age: off, size: off}\n") // evidence stays
		}
		for key, value := range o.Share {
			fmt.Fprintf(&b, "    %s: %s\n", key, value)
		}
		for key, value := range o.Only[share][side] {
			fmt.Fprintf(&b, "    %s: %s\n", key, value)
		}
	}
	n.WriteConfig(t, b.String())
}

// WriteConfig replaces n's configuration file.
func (n *Node) WriteConfig(t testing.TB, text string) {
	t.Helper()
	if err := os.WriteFile(n.Config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// EditConfig replaces old, which must be there, in n's configuration file.
func (n *Node) EditConfig(t testing.TB, old, new string) {
	t.Helper()
	text, err := os.ReadFile(n.Config)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		t.Fatalf("%s has no %q:\n%s", n.Config, old, text)
	}
	n.WriteConfig(t, strings.ReplaceAll(string(text), old, new))
}

// Root is where n has the share. The directory above it belongs to the share
// alone, so that the holding area has its natural place beside the root.
func (n *Node) Root(share string) string { return filepath.Join(n.Dir, "files", share, "root") }
