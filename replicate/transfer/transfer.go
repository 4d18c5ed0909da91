// Package transfer moves contents over a link. A Fetcher asks for many files
// per request on a few long-lived streams; Serve answers on the other side.
//
// What arrives goes to the stage of the holding area, named by its hash, so
// that an interrupted transfer is taken up where it stopped, by whoever wants
// that content next. It is handed over when its size and its BLAKE3 hash are
// right and it is on stable storage.
package transfer

import (
	"errors"
	"fmt"
	"io"

	"duet/replicate/wire"
	"duet/scan/vfs"
	"duet/store/index"
)

// StreamKind is the kind of the streams that a Fetcher opens and Serve answers.
const StreamKind = "fetch"

// What a Source may answer, wrapped or not; anything else is "failed".
var (
	ErrGone    = errors.New("is not there any more")
	ErrChanged = errors.New("has another content by now")
	ErrBusy    = errors.New("is not available right now")
)

// Source is where Serve gets contents from. It decides what the peer may
// have: only what this node has announced at that path, with that hash and
// size. It may be called from several goroutines.
type Source interface {
	Open(p index.Path, h index.Hash, size int64) (Content, error)
}

// Content is an open content; a vfs.Content is one.
type Content interface {
	io.ReaderAt
	io.Closer
}

// Want is one content to fetch.
type Want struct {
	Path index.Path // where the peer has it
	Hash index.Hash
	Size int64
	// Meta is set on the staged file when it is complete.
	Meta vfs.Meta
	// Staged is the name in the stage that the complete file gets; "" to
	// leave it under PartName(Hash). Wants of one hash need different names.
	Staged string
	// In is the staged directory in which it gets that name: see vfs.Held. Nothing
	// is made there any more when Fetch has returned.
	In string
	// Late leaves it to the caller to put the staged file on stable storage:
	// see vfs.Files.SyncStaged. Only with Staged.
	Late bool
	// Room, if not 0, is how many bytes of it may be written; more fails. A sparse
	// content needs less than its size: see Stored.
	Room int64
	// Like is what is here and may have much in common with it, best first.
	Like []Like
}

// Needs is how much of the disk it takes up.
func (w *Want) Needs() int64 {
	if w.Room > 0 {
		return w.Room
	}
	return w.Size
}

// staged is where the complete file of a job goes.
func (w *Want) staged(j *job) vfs.Held {
	if w.Staged == "" {
		return j.part()
	}
	return vfs.Held{Area: vfs.Stage, Name: w.Staged, In: w.In}
}

// Result is what became of a Want.
type Result struct {
	Want  Want
	Held  vfs.Held    // the staged file: complete, verified, Finished
	Stamp index.Stamp // of the staged file
	Err   error       // nil, a *RefusedError, or what else went wrong
}

// RefusedError means that the peer did not deliver a content.
type RefusedError struct {
	Refusal wire.Refusal
	Text    string
}

func (e *RefusedError) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("the peer refused: %v", e.Refusal)
	}
	return fmt.Sprintf("the peer refused: %v: %s", e.Refusal, e.Text)
}

// PartName is the name in the stage of a content that is being fetched.
func PartName(h index.Hash) string { return h.String() + ".part" }
