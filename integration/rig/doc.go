// Package rig runs real `duet` processes for the whole-system tests: it builds
// the binary once, makes pairs of nodes with keys, configurations and trees of
// their own, starts, stops and kills them, waits until they say that they are
// in sync, and then compares what is really on disk.
//
// It knows Duet only from outside: its command line, its configuration file
// and `status --json`. Nothing here imports another package of this module, so
// a test cannot pass because both sides share a mistake.
package rig
