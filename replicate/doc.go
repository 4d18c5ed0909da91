// Package replicate runs a share: it notices, tells the peer, hears from it,
// decides, fetches and installs.
//
// All state of a share belongs to the goroutine in loop.go. Others post funcs
// to its one mailbox; advance is the only place that starts anything. Slow
// work runs in goroutines that read, and in the writer lane, the one place
// where the tree and the index are written, one job after another.
//
// What is here is that loop, and what people may ask of it. What a loop is not
// needed for has packages of its own, which are told what they have to know; those
// that need it now and then reach it through package post:
//
//	what is noticed in the tree     notice.go   looks, trouble
//	what it is in the index         lane.go     book
//	what is said with the peer      session.go  talk, and inquiry
//	                                meet.go
//	what is done next               rounds.go   rounds, room
//	how it is done                              install, transfer
//	what people see, and decide     publish.go  report
//	                                ask.go
//	                                orders.go   orders, ruling, restore
//	                                apply.go    plan
//	whether it is all true          checkup.go  checkup
//	what was displaced                          tidy, expiry
//	the root: opened, lost, back    home.go
package replicate
