package looks

import (
	"errors"
	"fmt"
	"io/fs"

	"duet/scan"
	"duet/scan/vfs"
	"duet/store/index"
)

// Secured is findings that may be committed, and what became of the others.
type Secured struct {
	Found    []scan.Finding
	Problems []scan.Problem
	Stale    []index.Path // something else is there by now: look again
}

// Secure puts what was found on stable storage, before the index says that it
// is there and the peer is told. Few programs sync what they write. If the
// power failed later, the file could be empty, or the old one, or a deleted one
// be there again, and as the index knew better that would count as a newer edit
// and be done to the peer as well. Or a content is gone behind a stamp that the
// index knows, and nobody ever looks again. What was not announced yet is lost
// for its writer alone.
//
// Metadata counts, and so does a new stamp of an old content: a save of the
// same bytes is a new file, and an empty one after a power failure.
//
// It runs where the look ran, and not in the writer lane: a large upload may
// take the disk a minute.
//
// RACE: whoever writes to the file since it was looked at, or is still writing
// to it and a snapshot was taken, has it synced as it is now, or half of that.
// The index then says what the file was a moment before, and a power failure
// leaves something newer: a state in the middle of a write, which nobody
// announced. The next scan takes it for an edit, which it is.
//
// RACE: a sync that failed says so once. The kernel may then drop what it could
// not write, so that the next try succeeds; a disk in this state is shown, and
// is for a person.
func Secure(files vfs.Files, found []scan.Finding, problems []scan.Problem) Secured {
	out := Secured{Problems: problems}
	seen := make([]vfs.Seen, len(found))
	for i := range found {
		seen[i] = vfs.Seen{Path: found[i].Path, Stamp: found[i].Now}
	}
	for i, err := range files.SyncSeen(seen) {
		f := &found[i]
		switch {
		case err == nil:
			out.Found = append(out.Found, *f)
			continue
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, vfs.ErrChanged):
			out.Stale = append(out.Stale, f.Path)
		default:
			out.Problems = append(out.Problems, scan.Problem{Path: f.Path, Err: fmt.Errorf("put it on stable storage: %w", err)})
		}
		if f.Snapshot.Name != "" {
			// What cannot be removed is a leftover of the stage, which the next
			// start removes.
			_ = files.RemoveHeld(f.Snapshot)
		}
	}
	return out
}
