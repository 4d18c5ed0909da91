// Package hostile tests a share against a peer that has the right key and bad
// intentions. The victim is a real replicate.Share behind a real link.Hub; the
// attacker speaks the protocol by hand, and where package wire would refuse to
// send a message, it sends the bytes.
//
// After every attack the same things must hold: nothing outside of the root
// and the holding area was touched or created, the log says what the peer did,
// and the share, without a restart, goes on syncing with a peer that behaves.
package hostile
