// Package scan notices what changed in a share's tree: a walk that compares
// the disk with the index, a watcher that says where to look again, and the
// hashing and the ignore rules that both of them need. It only reads; what it
// finds goes to the caller as Findings, and the caller decides what to record.
//
// Two rules carry all of it. A path's content is read only when its stamp
// differs from the one in the index. And only "does not exist" is evidence of
// a deletion: whatever else goes wrong is a Problem, and keeps silent about
// the path and everything below it.
package scan
