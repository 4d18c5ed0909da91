package main

import (
	"os"
	"path/filepath"
	"testing"
)

// What a killed bench left is taken away, and nothing else: not the lab of one
// that is at work, and no directory that a claim names but that is no lab.
func TestSweep(t *testing.T) {
	labs, parent := t.TempDir(), t.TempDir()
	made := func(name string) string {
		dir := filepath.Join(parent, name)
		if err := os.MkdirAll(filepath.Join(dir, "a", "files"), 0o755); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	alive, left, other := made(labPrefix+"1"), made(labPrefix+"2"), made("other")
	claim, err := claimLab(labs, alive)
	if err != nil {
		t.Fatal(err)
	}
	defer claim.Close()
	dead, err := claimLab(labs, left)
	if err != nil {
		t.Fatal(err)
	}
	dead.Close()
	if err := os.WriteFile(filepath.Join(labs, labPrefix+"3"), []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sweep(labs); err == nil {
		t.Error("a claim of what is no lab is not complained of")
	}
	for dir, there := range map[string]bool{alive: true, left: false, other: true} {
		if missing(dir) == there {
			t.Errorf("%s there: %v", dir, !there)
		}
	}
	if !missing(dead.Name()) || missing(claim.Name()) {
		t.Error("claims are not as their labs")
	}
}
