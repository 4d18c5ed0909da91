// Package replicate runs a share: it notices, tells the peer, hears from it,
// decides, fetches and installs.
//
// All state of a share belongs to the goroutine in loop.go. Others post funcs
// to its one mailbox; advance is the only place that starts anything. Slow
// work runs in goroutines that read, and in the writer lane, the one place
// where the tree and the index are written, one job after another.
package replicate
