package diff

import (
	"duet/store/index"
)

// Step is one change of a tree.
type Step struct {
	Path index.Path
	From index.Path // Move: the source. Place, Swap: own path that has the bytes, to be copied; "" if none
	Verb index.Verb

	Entry *index.Entry // ours once it is done
	Was   *index.Entry // ours before; nil if nothing was known

	Line     string // the line of the decision table
	Conflict bool
	Mine     bool // this node acts; else the peer does
}

// Order puts the steps of one tree in an order in which each one can be done.
func Order(steps []Step) []Step { return steps }
