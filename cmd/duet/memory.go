package main

import (
	"os"
	"runtime/debug"
)

// How much memory the process is to have, at most, apart from files that it has
// mapped. It is more than the daemon needs: what is under way is bounded, whatever
// the size of a tree. But the garbage of a busy minute would double that.
const (
	memoryBase     = 64 << 20
	memoryPerShare = 64 << 20
)

// boundMemory has the collector work harder rather than let the process grow
// beyond what its shares need. GOMEMLIMIT, which the runtime reads itself, goes first.
func boundMemory(shares int) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryBase + int64(shares)*memoryPerShare)
	}
}
