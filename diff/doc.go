// Package diff decides. Given what this node has at a path and what the peer
// has there, Decide says who does what; Order puts steps in an order that a
// reader of the tree cannot tell from an instant.
//
// Everything here is pure: values in, values out, no clock, no log, no file.
//
// # How a verdict is reached
//
// Causality comes from versions alone. If the peer's version has seen all that
// ours has, its state is newer and is taken; if ours has seen all that the
// peer's has, the peer will take ours. Only when neither has seen the other is
// there something to settle, and both nodes settle it alike, each from the
// same two entries, without talking. Both then hold an equal entry whose
// version is the join of the two.
//
// A join hides something: a node that took the peer's content, and joined the
// version of its own lost edit into it, has a version that the peer has not
// seen, though the peer has long seen (and may have replaced or deleted) that
// content. Entry.Over remembers what was beaten, so that the part of a version
// that the content itself stands for can still be told: see own. Without it, a
// file that both sides deleted could come back.
package diff
