package diff

import "slices"

// The lines of the decision table. They appear in journals and documents, so
// they never change their meaning. A line with "here" or "there" in its name
// is its own mirror image on the peer; the others are the same on both nodes.
const (
	lineNothing      = "nothing-known"
	lineOnlyHere     = "new-here"
	lineOnlyThere    = "new-there"
	lineDeletedOnce  = "deleted-there-never-here"
	lineDeletedUs    = "deleted-here-never-there"
	lineAgreed       = "agreed"
	lineSameAlready  = "same-already"
	lineNewerHere    = "newer-here"
	lineNewerThere   = "newer-there"
	lineDeletedHere  = "deleted-here"
	lineDeletedThere = "deleted-there"
	lineAgainHere    = "created-again-here"
	lineAgainThere   = "created-again-there"
	lineLost         = "lost-conflict"
	LineChosen       = "chosen-by-person" // on the peer, see Ruled
	lineNever        = "deletes-never"
	lineApart        = "deleted-while-apart"
	lineSame         = "same-on-both"
	lineGone         = "deleted-on-both"
	lineSeenHere     = "seen-and-changed-here"
	lineSeenThere    = "seen-and-changed-there"
	lineChange       = "delete-loses-to-change"
	lineCrossed      = "each-deleted-by-other"
	lineMeta         = "metadata-settled"
	lineDirFile      = "directory-beats-file"
	lineDirLink      = "directory-beats-symlink"
	lineFileLink     = "file-beats-symlink"
	lineNewer        = "conflict-newer-wins"
	lineOlder        = "conflict-older-wins"
	lineLarger       = "conflict-larger-wins"
	lineSmaller      = "conflict-smaller-wins"
	lineNode         = "conflict-node-wins"
	lineTie          = "conflict-tie"
	lineHeld         = "conflict-held"
	lineTwice        = "settled-twice"
)

// Lines that Decide never gives: they rest on more than the two entries.
const (
	// LineContents is for a directory that is kept, see Revived.
	LineContents = "contents-keep-directory"
	// LineRuled is for what a person settled on this node, see Ruled.
	LineRuled = "ruled-by-person"
	// LineTakenBack is for what a person took back, see TakenBack.
	LineTakenBack = "ruling-taken-back"
	// LineRejected is for a delete that a person did not let happen.
	LineRejected = "delete-rejected"
)

var sentences = []struct{ line, text string }{
	{lineNothing, "Neither node knows anything of this path."},
	{lineOnlyHere, "It is new here; the peer will take it."},
	{lineOnlyThere, "It is new on the peer; it is taken from there."},
	{lineDeletedOnce, "The peer had it and deleted it before this node heard of it; there is nothing to remove."},
	{lineDeletedUs, "It was here and was deleted before the peer heard of it; the peer only takes note."},
	{lineAgreed, "Both nodes have the same."},
	{lineSameAlready, "The peer is ahead, but this node already has the same content and metadata; nothing is moved."},
	{lineNewerHere, "This node changed it knowing the peer's state; the peer will take it."},
	{lineNewerThere, "The peer changed it knowing the state here; it is taken from there."},
	{lineDeletedHere, "It was deleted here and the peer has not changed it since; the peer will remove it."},
	{lineDeletedThere, "The peer deleted it and it has not changed here since; it is removed and kept as a version."},
	{lineAgainHere, "It was created here after both had deleted it; the peer will take it."},
	{lineAgainThere, "The peer created it after both had deleted it; it is taken from there."},
	{lineLost, "Both sides had changed it; the peer's side won by the rule of the share, the other content is kept as the loser."},
	{LineChosen, "A person chose on the peer what this path has to be, knowing what is here; that is kept as the loser."},
	{lineNever, "This share follows no deletes: the node that still has it keeps it, and the other gets it back."},
	{lineApart, "It was deleted while the nodes were apart, and this share follows only deletes made while connected: the node that still has it keeps it, and the other gets it back."},
	{lineSame, "Both sides made the same change; there is nothing to settle."},
	{lineGone, "Both sides deleted it."},
	{lineSeenHere, "This node had already seen the peer's content and changed it further; the peer will take it."},
	{lineSeenThere, "The peer had already seen the content here and changed it further; it is taken from there."},
	{lineChange, "One side deleted it while the other changed it; the change wins."},
	{lineCrossed, "Each side has what the other had seen and deleted, as it heard too late of that; it is removed from both."},
	{lineMeta, "The content is the same, but mode, time or owner differ: the winner is the same on both nodes, and it is no conflict."},
	{lineDirFile, "One side made a directory, the other a file; the directory wins, the file is kept as the loser."},
	{lineDirLink, "One side made a directory, the other a symlink; the directory wins, the symlink is kept as the loser."},
	{lineFileLink, "One side made a file, the other a symlink; the file wins, the symlink is kept as the loser."},
	{lineNewer, "Both sides changed it; the later modification time wins, the other content is kept as the loser."},
	{lineOlder, "Both sides changed it; the earlier modification time wins, the other content is kept as the loser."},
	{lineLarger, "Both sides changed it; the larger one wins, the other content is kept as the loser."},
	{lineSmaller, "Both sides changed it; the smaller one wins, the other content is kept as the loser."},
	{lineNode, "Both sides changed it; the node named in the configuration wins, the other content is kept as the loser."},
	{lineTie, "Both sides changed it and the rule of the share cannot tell them apart; a fixed order decides, alike on both nodes, and the other content is kept as the loser."},
	{lineHeld, "Both sides changed it; this share waits for a person to decide, and until then each side keeps its own."},
	{lineTwice, "Each node settled an earlier race on its own and they ended differently; the rule of the share decides once more, alike on both."},
	{LineContents, "The peer removed or replaced this directory, but it holds something that the peer had not seen; the directory stays."},
	{LineRuled, "A person chose on this node what this path has to be."},
	{LineTakenBack, "A person took back what was chosen for this path: it is what it was before, and the conflict is open again."},
	{LineRejected, "The peer deleted it, and a person did not let that happen: it stays, and the peer gets it back."},
}

// Explain returns the one sentence that says what a line of the decision table
// means; for an unknown line, perhaps from a newer release, the line itself.
func Explain(line string) string {
	i := slices.IndexFunc(sentences, func(s struct{ line, text string }) bool { return s.line == line })
	if i < 0 {
		return line
	}
	return sentences[i].text
}

// Lines returns all lines, in the order of the decision table.
func Lines() []string {
	lines := make([]string, len(sentences))
	for i, s := range sentences {
		lines[i] = s.line
	}
	return lines
}
