// Package room keeps some of the disk free of what the peer says, and of what it
// has this node fetch.
package room

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"duet/replicate/transfer"
	"duet/scan/vfs"
	"duet/store/index"
)

// spare is the space that the peer cannot take up: neither with contents, nor
// with paths that only fill the index. The host's other programs need it, and
// so does this one, to shrink again. On a small filesystem it is less, see
// below.
const spare = 64 << 20

// ForIndex says why nothing more that the peer says can be written down in
// the index in this file; nil if it can. A filesystem that does not tell is taken to have room.
func ForIndex(file string) error {
	var sf unix.Statfs_t
	if err := unix.Statfs(file, &sf); err != nil || sf.Bsize <= 0 {
		return nil
	}
	spare := min(spare, sf.Blocks*uint64(sf.Bsize)/64)
	if free := sf.Bavail * uint64(sf.Bsize); free < spare {
		return &FullError{fmt.Sprintf("%d MiB are free for the index in %s, and the last %d are not for what the peer says: free some space there; duet goes on by itself",
			free>>20, filepath.Dir(file), spare>>20)}
	}
	return nil
}

// FullError means that there is no room for what the peer said.
type FullError struct{ text string }

func (e *FullError) Error() string { return e.text }

// Budget is the disk room that a batch may take up: with contents that are
// fetched, that came along with their changes, and that are copied from here.
// Sizes are what the peer says, so all of it is asked for before anything is
// written.
type Budget struct {
	free, spare int64
	unknown     bool
	from        *Promises
	promised    int64
}

// Of looks how much room there is, whatever is promised of it.
func Of(files vfs.Files) *Budget {
	free, err := files.Free()
	if err != nil {
		return &Budget{unknown: true} // staging will say what is wrong
	}
	spare := min(spare, free/16)
	return &Budget{free: free - spare, spare: spare}
}

// Sparse asks for the holes of those of wants that do not fit in by their size: a
// disk image may be larger than the disk, and hold next to nothing. Whom the peer
// does not answer keeps its size.
func Sparse(ctx context.Context, files vfs.Files, fetcher *transfer.Fetcher, wants []transfer.Want) {
	for i := range wants {
		w := &wants[i]
		if w.Size < least {
			continue
		}
		b := Of(files)
		if b.unknown || w.Size <= b.free {
			continue
		}
		if n, err := fetcher.Stored(ctx, *w, b.free); err == nil && n < w.Size {
			w.Room = n
		}
	}
}

// least is the size below which nobody asks for holes.
const least = 8 << 20

// Promises is what the batches of a share may still write: the disk counts it as
// free until they have.
type Promises struct {
	mu    sync.Mutex
	bytes int64
	kept  int           // batches that have written what they were promised
	less  chan struct{} // closed, and made anew, when bytes become less
}

// Ask looks how much room there is for a batch that wants need bytes. While
// others may still write so much that it does not fit in besides them, it waits
// until they have: half of it begun, all of them would only fill the disk. The
// error is ctx's. Return the budget when all is written.
func (p *Promises) Ask(ctx context.Context, files vfs.Files, need int64) (*Budget, error) {
	for {
		kept, less := p.now()
		b := Of(files)
		if b.unknown || p.promise(b, need, kept) {
			return b, nil
		}
		select {
		case <-less:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (p *Promises) now() (kept int, less chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.less == nil {
		p.less = make(chan struct{})
	}
	return p.kept, p.less
}

// promise lets b have what it needs of what is free besides all other promises.
// kept is how many of these had been kept before anybody looked what is free.
func (p *Promises) promise(b *Budget, need int64, kept int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept != kept || p.bytes > 0 && need > b.free-p.bytes {
		return false
	}
	b.from, b.promised = p, max(min(need, b.free), 0)
	p.bytes += b.promised
	return true
}

// Return says that all is written, or will not be.
func (b *Budget) Return() {
	if b.from == nil {
		return
	}
	p := b.from
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bytes -= b.promised
	p.kept++
	b.promised = 0
	if p.less != nil {
		close(p.less)
	}
	p.less = make(chan struct{})
}

// Take takes up room, or says why there is none.
func (b *Budget) Take(size int64) error {
	if b.unknown {
		return nil
	}
	if size > b.free {
		return fmt.Errorf("%d MiB are needed, and %d MiB are free besides the last %d: %w",
			size>>20, max(b.free, 0)>>20, b.spare>>20, syscall.ENOSPC)
	}
	b.free -= size
	return nil
}

// ForContents returns those of wants for which there is room, and fails the
// others, before anything of them is fetched.
func (b *Budget) ForContents(wants []transfer.Want, fail func(index.Path, error)) []transfer.Want {
	var fits []transfer.Want
	for _, w := range wants {
		if err := b.Take(w.Needs()); err != nil {
			fail(w.Path, err)
			continue
		}
		fits = append(fits, w)
	}
	return fits
}
