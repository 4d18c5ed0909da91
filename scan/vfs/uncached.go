package vfs

import (
	"errors"
	"io"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// uncached is a large file that is read from its beginning to its end, past the page
// cache, into which it is not brought: see direct.go. What comes next is read while
// what is before is used. It is for one goroutine.
type uncached struct {
	*content
	size   int64
	memory *[]byte
	unused [][]byte // of memory
	here   block
	ahead  []block // in order
}

// block is a piece of the file that is read, or being read.
type block struct {
	at   int64
	data []byte
	done chan error // says when it is there, and n then how much
	n    *int
}

// uncachedBlock is how much is read by one call. A disk that is far away is not waited
// for as long as several of them are on their way.
const uncachedBlock = 2 << 20

// Uncached returns c to be read in order, by ReadAt. If it is large, and most of it is
// not in the page cache, it is not brought there. Closing it closes c.
func Uncached(c Content) Content {
	file, ok := c.(*content)
	if !ok {
		return c
	}
	u := &uncached{content: file}
	err := control(file.File, func(fd int) (err error) {
		if u.size, err = fileSize(fd); err != nil || u.size < directFrom {
			return errCached
		}
		if kept, err := cachedBytes(fd); err != nil || kept > u.size/2 {
			return errCached
		}
		return setDirect(fd, true)
	})
	if err != nil {
		return c
	}
	u.memory = directMemory.Get().(*[]byte)
	for b := range slices.Chunk(*u.memory, uncachedBlock) {
		u.unused = append(u.unused, b)
	}
	return u
}

var errCached = errors.New("it is in the page cache, or small")

// cachedBytes asks how much of a file is in the page cache: cachestat(2), Linux 6.5.
func cachedBytes(fd int) (int64, error) {
	var all struct{ off, len uint64 } // of 0: to the end
	var kept struct{ cache, dirty, writeback, evicted, recently uint64 }
	_, _, e := unix.Syscall6(unix.SYS_CACHESTAT, uintptr(fd), uintptr(unsafe.Pointer(&all)), uintptr(unsafe.Pointer(&kept)), 0, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int64(kept.cache) * int64(unix.Getpagesize()), nil
}

// ReadAt reads what is at off. It reads ahead if that follows what was read last.
func (u *uncached) ReadAt(b []byte, off int64) (n int, err error) {
	for n < len(b) {
		at := off + int64(n)
		if at >= u.size {
			return n, io.EOF
		}
		if at < u.here.at || at >= u.here.end() {
			if err := u.load(at); err != nil {
				return n, err
			}
		}
		n += copy(b[n:], u.here.data[at-u.here.at:])
	}
	return n, nil
}

func (b *block) end() int64 { return b.at + int64(len(b.data)) }

// load makes here what is at off.
func (u *uncached) load(off int64) error {
	at := off / directUnit * directUnit
	follows := at == u.here.end()
	if u.here.data != nil {
		u.unused = append(u.unused, u.here.data[:uncachedBlock])
		u.here = block{}
	}
	if len(u.ahead) > 0 && u.ahead[0].at != at {
		u.forget()
	}
	if len(u.ahead) == 0 {
		u.read(at)
	}
	b := u.ahead[0]
	u.ahead = u.ahead[1:]
	err := <-b.done
	b.data = b.data[:*b.n]
	u.here = b
	if err != nil {
		return err
	}
	if off >= b.end() {
		return io.ErrUnexpectedEOF // it was cut off meanwhile
	}
	next := b.at + uncachedBlock
	if len(u.ahead) > 0 {
		next = u.ahead[len(u.ahead)-1].at + uncachedBlock
	}
	for ; follows && next < u.size && len(u.unused) > 0; next += uncachedBlock {
		u.read(next)
	}
	return nil
}

// read begins to read what is at at.
func (u *uncached) read(at int64) {
	b := block{at, u.unused[0], make(chan error, 1), new(int)}
	u.unused = u.unused[1:]
	u.ahead = append(u.ahead, b)
	go func() { // ends before the file is closed: see forget
		b.done <- control(u.File, func(fd int) (err error) {
			*b.n, err = pread(fd, b.data, at)
			if err == unix.EINVAL { // for reasons of the filesystem's own
				if err = setDirect(fd, false); err == nil {
					*b.n, err = pread(fd, b.data, at)
				}
			}
			return err
		})
	}()
}

// forget waits for what is being read, and drops it.
func (u *uncached) forget() {
	for _, b := range u.ahead {
		<-b.done
		u.unused = append(u.unused, b.data)
	}
	u.ahead = nil
}

func (u *uncached) Close() error {
	u.give()
	return u.content.Close()
}

// give ends the reading; the file stays open.
func (u *uncached) give() {
	u.forget()
	directMemory.Put(u.memory)
}

// copyLarge adds all of src, holes left out, and brings neither into the page cache.
func (d *draft) copyLarge(src *content, size int64) (err error) {
	from := Uncached(src)
	if u, ok := from.(*uncached); ok {
		defer u.give()
	}
	memory := directMemory.Get().(*[]byte)
	defer directMemory.Put(memory)
	buf := (*memory)[:uncachedBlock]
	for data := int64(0); d.size < size; {
		if d.size >= data {
			at, end, err := from.Data(d.size)
			if err != nil {
				return err
			}
			if at = min(at, size); at > d.size {
				if err := d.Hole(at - d.size); err != nil {
					return err
				}
			}
			data = max(end, d.size+1)
		}
		n, err := from.ReadAt(buf[:min(int64(len(buf)), size-d.size, data-d.size)], d.size)
		if n == 0 && d.size < size {
			return errors.Join(err, ErrChanged) // it was cut off meanwhile
		}
		if _, err := d.Write(buf[:n]); err != nil {
			return err
		}
	}
	return d.drain()
}
