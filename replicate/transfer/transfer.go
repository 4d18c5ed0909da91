// Package transfer moves contents over a link. A Fetcher asks for many files
// per request on a few long-lived streams; Serve answers on the other side.
//
// What arrives goes to the stage of the holding area, named by its hash, so
// that an interrupted transfer is taken up where it stopped, by whoever wants
// that content next. It is handed over when its size and its BLAKE3 hash are
// right and it is on stable storage.
package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"

	"duet/replicate/link"
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

// Serve answers the peer's requests on s until the peer closes it, which is
// no error, or ctx is done. It closes s.
func Serve(ctx context.Context, s link.Stream, src Source) error { panic("not yet") }

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

// Options is what a Fetcher needs. Numbers that are zero get their default.
type Options struct {
	Open    func(ctx context.Context, kind string) (link.Stream, error) // a link.Conn's Open
	Files   vfs.Files
	Streams int // default 4; the first one carries only small files
	Syncs   int // files that are fsynced at the same time; default 16
}

// Fetcher fetches contents over one connection. It may be used from several
// goroutines.
type Fetcher struct{}

// NewFetcher returns a Fetcher; it opens streams when there is something to
// fetch.
func NewFetcher(o Options) *Fetcher { panic("not yet") }

// Fetch fetches wants and calls done for each, in no particular order, from
// the calling goroutine. It returns nil when all have been answered, well or
// not, and ctx's error when ctx ended it: what was not answered by then keeps
// its partial file, for the next time.
func (f *Fetcher) Fetch(ctx context.Context, wants []Want, done func(Result)) error { panic("not yet") }

// Received counts the bytes of content that have arrived.
func (f *Fetcher) Received() int64 { panic("not yet") }

// Close closes the streams and returns when nothing runs any more.
func (f *Fetcher) Close() error { panic("not yet") }
