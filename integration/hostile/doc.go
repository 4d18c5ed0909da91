// Package hostile tests a node against a peer that has the right key and bad
// intentions. The victim is a real daemon, in a process of its own; the attacker
// speaks the protocol by hand over real SSH, and where package wire would
// refuse to send a message, it sends the bytes.
//
// Every victim has two shares. The peer misbehaves on the one named bad, and
// means well on the one named good. After every attack the same things must
// hold:
//
//   - Nothing outside of the root and the holding area was touched: inotify
//     watches a tree of canaries, which also hears of reads, and every
//     directory around the shares.
//   - The victim's memory stayed within a bound; its peak is reported.
//   - The share named good went on all the time, in both directions.
//   - The log says who did what, in a bounded number of bytes; and nothing that
//     any command prints steers a terminal.
//   - The share named bad, without a restart, goes on syncing with a peer that
//     behaves, the daemon ends when it is told to, and its indexes are sound.
package hostile
