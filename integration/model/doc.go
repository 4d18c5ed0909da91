// Package model is the protocol of two nodes as an exhaustive search: every
// interleaving of users' edits, of noticing, sending, hearing, installing and
// acknowledging, of crashes, of indexes that are lost and of disks that are put
// back to an older state. Decisions are those of the real diff.Decide, and
// what two nodes make of each other's histories is the real
// recovery.CheckHello; the rest is the protocol in as few words as possible,
// named as in package replicate.
//
// States are searched breadth first, so that what goes wrong is told by a
// shortest trace. Entries, messages and backups are numbered, see ref, so that
// a state is plain memory, and each question to diff.Decide is asked once.
//
// What is one step here is one commit there, or one verb with its commit: what
// lies between a verb and its commit is for the simulator, which dies at each
// operation.
package model
