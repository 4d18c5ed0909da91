package vfs

import (
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What is large goes to the disk from this process' own memory, past the page cache:
// open(2), O_DIRECT. For the page cache each page has to be found, and filled; a
// gigabyte of them took three to ten times the processor time, and pushed out what
// else was kept there. Most of what was written is on the disk when the fsync at the
// end comes.
const (
	directFrom   = 32 << 20 // bytes in a row that go through the page cache before
	directAtOnce = 4 << 20  // bytes of one write; that many again are gathered meanwhile
	directUnit   = 4096     // what place, length and memory are multiples of
)

// past is what of a draft is on its way past the page cache.
type past struct {
	at      int64      // where it begins in the file
	gather  []byte     // from there on
	spare   []byte     // the other half of memory
	flying  chan error // says what became of the write before; nil if there is none
	flyFrom int64      // where that began
	memory  *[]byte
}

// directMemory is for two writes, or several reads.
var directMemory = sync.Pool{New: func() any {
	b := make([]byte, 2*directAtOnce+directUnit)
	odd := int(uintptr(unsafe.Pointer(&b[0])) % directUnit)
	b = b[directUnit-odd:][:2*directAtOnce]
	return &b
}}

// direct reports whether what is written next goes past the page cache.
func (d *draft) direct() bool {
	if d.past != nil {
		return true
	}
	if d.plain || d.run < directFrom || d.size%directUnit != 0 {
		return false
	}
	if err := control(d.file, func(fd int) error { return setDirect(fd, true) }); err != nil {
		d.plain = true // this filesystem has no such thing
		return false
	}
	d.hurry()
	memory := directMemory.Get().(*[]byte)
	d.past = &past{at: d.size, gather: (*memory)[:0:directAtOnce], spare: (*memory)[directAtOnce:], memory: memory}
	return true
}

// toUnit is how many bytes are missing before what follows can go past the page cache.
func (d *draft) toUnit() int64 {
	if d.plain || d.run < directFrom {
		return atOnce
	}
	return directUnit - d.size%directUnit
}

// fly takes some of b, and begins to write when enough is gathered.
func (d *draft) fly(b []byte) (int, error) {
	p := d.past
	n := min(len(b), cap(p.gather)-len(p.gather))
	p.gather = append(p.gather, b[:n]...)
	d.size += int64(n)
	if len(p.gather) < cap(p.gather) {
		return n, nil
	}
	if err := d.landed(); err != nil {
		return n, err
	}
	full, at, done := p.gather, p.at, make(chan error, 1)
	p.flying, p.flyFrom = done, at
	go func() { // ends before the draft is closed: see landed
		done <- control(d.file, func(fd int) error { return writeAt(fd, full, at) })
	}()
	p.gather, p.spare = p.spare[:0], full
	p.at += int64(len(full))
	return n, nil
}

// landed waits for the write that is under way. After one that failed nothing more is
// written, as the file would have a gap.
func (d *draft) landed() error {
	p := d.past
	if p.flying == nil {
		return d.failed
	}
	err := <-p.flying
	p.flying = nil
	if err != nil {
		d.failed = err
		d.cut(p.flyFrom)
	}
	return err
}

// cut takes note of how much a write that failed from at on has left.
func (d *draft) cut(at int64) {
	_ = control(d.file, func(fd int) error {
		size, err := fileSize(fd)
		d.size = max(at, min(size, d.size))
		return err
	})
}

// drain writes all that is gathered. From there on it goes through the page cache,
// until enough came in a row again.
func (d *draft) drain() error {
	d.run = 0
	p := d.past
	if p == nil {
		return d.failed
	}
	err := d.landed()
	if err == nil {
		err = control(d.file, func(fd int) error {
			whole := len(p.gather) / directUnit * directUnit
			if err := writeAt(fd, p.gather[:whole], p.at); err != nil {
				return err
			}
			if err := setDirect(fd, false); err != nil {
				return err
			}
			return writeAt(fd, p.gather[whole:], p.at+int64(whole))
		})
		if err != nil {
			d.failed = err
			d.cut(p.at)
		}
	}
	if err == nil {
		_, err = d.file.Seek(d.size, 0)
	}
	d.past, d.sent = nil, d.size
	directMemory.Put(p.memory)
	return err
}

// writeAt writes all of b. What cannot go past the page cache, for reasons of the
// filesystem's own, goes through it.
func writeAt(fd int, b []byte, at int64) error {
	for len(b) > 0 {
		var n int
		err := again(func() (err error) { n, err = unix.Pwrite(fd, b, at); return err })
		if err == unix.EINVAL {
			if direct, e := isDirect(fd); e == nil && direct {
				if err := setDirect(fd, false); err != nil {
					return err
				}
				continue
			}
		}
		if err != nil {
			return err
		}
		b, at = b[n:], at+int64(n)
	}
	return nil
}

func isDirect(fd int) (bool, error) {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	return flags&unix.O_DIRECT != 0, err
}

func setDirect(fd int, on bool) error {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return err
	}
	if flags &^= unix.O_DIRECT; on {
		flags |= unix.O_DIRECT
	}
	_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFL, flags)
	return err
}
