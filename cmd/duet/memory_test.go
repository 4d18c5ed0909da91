package main

import (
	"runtime/debug"
	"testing"
)

func TestBoundMemory(t *testing.T) {
	was := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(was)
	t.Setenv("GOMEMLIMIT", "1GiB")
	boundMemory(1)
	if got := debug.SetMemoryLimit(-1); got != was {
		t.Errorf("the limit is %d although the environment has one", got)
	}
	t.Setenv("GOMEMLIMIT", "")
	boundMemory(2)
	if got := debug.SetMemoryLimit(-1); got != 192<<20 {
		t.Errorf("the limit is %d", got)
	}
}
