package rig

import (
	"os"
	"path/filepath"
	"testing"
)

// Without a daemon in play the ledger must balance, every kind of operation
// must get its turn, and a content that vanishes must be noticed.
func TestLedgerBalances(t *testing.T) {
	dir := t.TempDir()
	n := &Node{Name: "a", Dir: dir, Shares: []string{"data"}, t: t}
	mkdirs(t, n.At())
	ledger := NewLedger()
	hand := NewHand(t, n, ledger, Seed(t))
	hand.Do(t.Context(), 3000, 0)
	for _, op := range operations {
		if hand.Did[op.name] == 0 {
			t.Errorf("%s never happened", op.name)
		}
	}
	lost, err := ledger.lost(n.At())
	if err != nil || len(lost) > 0 {
		t.Fatalf("lost without a daemon: %v %q", err, lost)
	}
	if tree := n.Tree(); len(tree) < 10 {
		t.Fatalf("only %d paths are left", len(tree))
	}
	name := hand.name()
	_, content := hand.content(name, "test")
	victim := filepath.Join(n.At(), "victim")
	if err := os.WriteFile(victim, content, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(victim); err != nil {
		t.Fatal(err)
	}
	if lost, err := ledger.lost(n.At()); err != nil || len(lost) != 1 {
		t.Errorf("a content removed behind the ledger's back: %v, lost %q", err, lost)
	}
}
