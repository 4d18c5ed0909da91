package index

import "slices"

// ruleNames are the lines of the decision table that journals have by number: a
// name would make every event a fifth longer. Numbers never change, so names
// are only ever added, at the end. What the lines mean is package diff's.
var ruleNames = []string{
	"", // none
	"nothing-known", "new-here", "new-there", "deleted-there-never-here", "deleted-here-never-there",
	"agreed", "same-already", "newer-here", "newer-there", "deleted-here", "deleted-there",
	"created-again-here", "created-again-there", "lost-conflict", "deletes-never", "deleted-while-apart",
	"same-on-both", "deleted-on-both", "seen-and-changed-here", "seen-and-changed-there",
	"delete-loses-to-change", "metadata-settled", "directory-beats-file", "directory-beats-symlink",
	"file-beats-symlink", "conflict-newer-wins", "conflict-older-wins", "conflict-larger-wins",
	"conflict-smaller-wins", "conflict-node-wins", "conflict-tie", "conflict-held", "settled-twice",
	"contents-keep-directory", "chosen-by-person", "ruled-by-person", "ruling-taken-back", "delete-rejected",
	"each-deleted-by-other",
}

// ruleNumber is 0 for a name that has none.
func ruleNumber(name string) uint32 { return uint32(max(0, slices.Index(ruleNames, name))) }

// RuleHasNumber reports whether events say a rule in one byte.
func RuleHasNumber(name string) bool { return ruleNumber(name) > 0 }
