package verify

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
	"time"

	"duet/scan"
	"duet/scan/vfs"
	"duet/store/index"
)

const (
	chunk = 256       // records looked up at a time: they may be old by their turn
	block = 256 << 10 // bytes read at a time
)

// contents reads every file, and every link, whose stamp is what the index says.
func (r *run) contents() error {
	r.buf, r.hash = make([]byte, block), scan.NewHasher()
	if u := r.o.Under; u != index.Root {
		rec, err := r.o.Get(u)
		if err == nil && rec != nil {
			err = r.content(rec)
		}
		if err != nil {
			return err
		}
	}
	start := r.o.Under
	if start == index.Root {
		start = r.o.After
	}
	for at := start; ; {
		recs, err := r.o.Lookup(at, r.o.Under, chunk)
		if err != nil {
			return err
		}
		for i := range recs {
			rec, err := recs[i].Open()
			if err != nil {
				return err
			}
			at = rec.Path
			if err := r.content(rec); err != nil {
				return err
			}
			r.sum.At = rec.Path
			r.progress(false)
		}
		if len(recs) < chunk {
			return nil
		}
	}
}

// errMoving means that a file is being changed: the next scan will say.
var errMoving = errors.New("is being changed")

// content reads one path.
func (r *run) content(rec *index.Record) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if !rec.Ours.Live() || rec.Ours.Kind == index.Dir || r.o.Facts.Rules.Ignored(rec.Path, false) {
		return nil
	}
	var is index.Hash
	var detail string
	var err error
	if rec.Ours.Kind == index.File {
		is, detail, err = r.file(rec)
		if err == nil && detail != "" {
			is, detail, err = r.twice(rec, is, detail)
		}
	} else {
		detail, err = r.link(rec)
	}
	switch {
	case r.ctx.Err() != nil:
		return r.ctx.Err()
	case err == nil && detail == "":
		return nil
	case err == nil:
		return r.damaged(Finding{What: Corrupt, Path: rec.Path, Detail: detail, Record: rec, Hash: is})
	case errors.Is(err, errMoving):
		r.sum.Busy++
		return nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, vfs.ErrChanged), errors.Is(err, vfs.ErrSpecial), errors.Is(err, vfs.ErrMount):
		return nil // what is no longer there has been seen to
	case damage(err):
		return r.damaged(Finding{What: Unreadable, Path: rec.Path, Detail: err.Error(), Record: rec})
	}
	return r.found(Finding{What: Failed, Path: rec.Path, Detail: err.Error(), Record: rec})
}

// damaged emits a finding if the record is still the one that it is about.
func (r *run) damaged(f Finding) error {
	now, err := r.o.Get(f.Path)
	if err != nil {
		return err
	}
	if now == nil || now.Stamp != f.Record.Stamp || !index.EqualEntries(now.Ours, f.Record.Ours) {
		r.sum.Busy++
		return nil
	}
	return r.found(f)
}

// file reads a file. Its content is told from an edit by its stamp, which must
// be the record's before and after, and by nobody having it open for writing: a
// mapping of the file can be written to for a while before its times change.
func (r *run) file(rec *index.Record) (is index.Hash, detail string, err error) {
	f, err := r.o.Files.Open(rec.Path)
	if err != nil {
		return is, "", err
	}
	defer f.Close()
	if err := r.settled(f, rec.Stamp); err != nil {
		return is, "", err
	}
	if c, ok := f.(interface{ DropCache() }); ok {
		c.DropCache() // what the disk has, not what memory remembers of it
	}
	r.sum.Files++
	h := r.hash
	h.Reset()
	if scan.Holey(f, rec.Stamp.Size) {
		h = scan.NewSparseHasher()
	}
	size, err := r.read(f, h)
	if err != nil {
		return is, "", err
	}
	if err := r.settled(f, rec.Stamp); err != nil {
		return is, "", err
	}
	if is = h.Sum(); is == rec.Ours.Hash {
		return is, "", nil
	}
	if size != rec.Ours.Size {
		return is, fmt.Sprintf("%d bytes can be read of %d", size, rec.Ours.Size), nil
	}
	return is, fmt.Sprintf("its hash is %.12s, and was %.12s", is, rec.Ours.Hash), nil
}

// errOnce means that a file was read wrong, and then right.
var errOnce = errors.New("was read wrong once, and right the second time: look at the memory, the cable and the controller")

// breath is how long a file has before it is read a second time.
const breath = 100 * time.Millisecond

// twice reads a file again that has another content than it should: there is
// no second chance once it is called damaged.
func (r *run) twice(rec *index.Record, is index.Hash, detail string) (index.Hash, string, error) {
	if err := sleep(r.ctx, breath); err != nil {
		return is, "", err
	}
	again, still, err := r.file(rec)
	switch {
	case err != nil:
		return is, "", err
	case still == "":
		return is, "", errOnce
	case again != is:
		return again, still + ", and it reads differently each time", nil
	}
	return is, detail, nil
}

func (r *run) settled(f vfs.Content, want index.Stamp) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if writers, known := f.Writers(); info.Stamp != want || known && writers {
		return errMoving
	}
	return nil
}

// read hashes a file, what is in it at the rate, and returns how many bytes there
// were. A hole is not on the disk: its zeros are neither read nor waited for.
func (r *run) read(f vfs.Content, h *scan.Hasher) (size int64, err error) {
	for data := int64(block); ; { // up to there it is not asked for holes
		if size == data {
			from, end, err := f.Data(size)
			if err != nil || from <= size && end <= size {
				return size, err
			}
			if err := r.zeros(h, &size, from); err != nil {
				return size, err
			}
			data = max(end, size)
			continue
		}
		n, err := f.ReadAt(r.buf[:min(block, data-size)], size)
		if stop := r.hashed(h, &size, n); stop != nil || err == io.EOF {
			return size, stop
		}
		if err != nil {
			return size, err
		}
	}
}

// hashed hashes what was just read behind at, and waits as the rate demands.
func (r *run) hashed(h *scan.Hasher, at *int64, n int) error {
	h.Write(r.buf[:n])
	*at += int64(n)
	r.sum.Bytes += int64(n)
	r.progress(false)
	return r.pace.wait(r.ctx, int64(n))
}

// zerosAtOnce is how many zeros are hashed between two looks at the context.
const zerosAtOnce = 1 << 30

// zeros hashes a hole.
func (r *run) zeros(h *scan.Hasher, at *int64, to int64) error {
	for *at < to && r.ctx.Err() == nil {
		n := min(to-*at, zerosAtOnce)
		h.Zeros(n)
		*at += n
		r.sum.Bytes += n
		r.progress(false)
	}
	return r.ctx.Err()
}

// link reads a symlink.
func (r *run) link(rec *index.Record) (detail string, err error) {
	stat := func() error {
		info, err := r.o.Files.Lstat(rec.Path)
		if err == nil && info.Stamp != rec.Stamp {
			err = errMoving
		}
		return err
	}
	if err := stat(); err != nil {
		return "", err
	}
	target, err := r.o.Files.Readlink(rec.Path)
	if err == nil {
		err = stat()
	}
	if err != nil || target == rec.Ours.Target {
		return "", err
	}
	return fmt.Sprintf("it points to %s, and did to %s", index.Quote(target), index.Quote(rec.Ours.Target)), nil
}

// damage reports whether an error is the disk's, or the filesystem's, that has
// lost what it was given to keep.
func damage(err error) bool {
	for _, e := range []error{syscall.EIO, syscall.EUCLEAN, syscall.EBADMSG, syscall.EILSEQ, syscall.ENODATA} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
