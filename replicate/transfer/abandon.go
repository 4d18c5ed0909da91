package transfer

import (
	"duet/replicate/wire"
	"duet/scan/vfs"
	"duet/store/index"
)

// Abandon clears away a staged content that came to nothing. A large file
// becomes a complete partial transfer, so that the next try need not fetch it
// again.
func Abandon(files vfs.Files, staged vfs.Held, h index.Hash, size int64) {
	part := vfs.Held{Area: vfs.Stage, Name: PartName(h)}
	if size > wire.MaxContent && files.RenameHeld(staged, part) == nil {
		return
	}
	files.RemoveHeld(staged) // what cannot be removed now goes at the next start
}
