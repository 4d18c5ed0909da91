package main

import (
	"strings"
	"testing"
	"time"
)

// A first sync of a million files was once ended at 96 %, by the patience that
// is meant for twenty thousand.
func TestEnduring(t *testing.T) {
	if got := enduring(1_000_000); got < 15*time.Minute {
		t.Errorf("a million files may take %v", got)
	}
	if got := enduring(10); got < patience {
		t.Errorf("ten files may take %v, less than anything else", got)
	}
}

// What is given up says how far it came.
func TestPersevere(t *testing.T) {
	was := patience
	defer func() { patience = was }()
	patience = 0
	s := &session{running: &running{}, size: sizes{files: -300_000}} // whose patience is over
	state := func() string { return "7 of 9" }
	if _, err := s.persevere(time.Millisecond, state, func() bool { return false }); err == nil || !strings.Contains(err.Error(), "7 of 9") {
		t.Errorf("given up: %v", err)
	}
	if _, err := s.persevere(time.Millisecond, state, func() bool { return true }); err != nil {
		t.Error(err)
	}
}
