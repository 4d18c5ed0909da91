package install

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	"duet/scan/vfs"
	"duet/store/index"
)

// How a directory with much in it is looked at before it goes, or is moved, and names
// are found for what is kept: in parts of so many things, by so many goroutines.
// Everything waits for that, and it is nothing but system calls.
const (
	abreastPart = 128
	abreastMost = 4
)

// abreast calls look for all of n things, a part at a time, up to the first that
// says no. It reports whether none did. Few things are looked at one after the other.
func abreast(n int, look func(from, to int) error) error {
	parts := (n + abreastPart - 1) / abreastPart
	var next atomic.Int64
	var stop atomic.Bool
	errs := make([]error, parts)
	work := func() {
		for !stop.Load() {
			i := int(next.Add(1)) - 1
			if i >= parts {
				return
			}
			if errs[i] = look(i*abreastPart, min((i+1)*abreastPart, n)); errs[i] != nil {
				stop.Store(true)
			}
		}
	}
	var g sync.WaitGroup
	for range min(parts/2, abreastMost, runtime.GOMAXPROCS(0)) - 1 {
		g.Go(work)
	}
	work()
	g.Wait()
	return errors.Join(errs...)
}

// looker looks at one path after the other, and has the directory of the last one
// open.
type looker struct {
	files vfs.Files
	at    *vfs.Near
}

func (l *looker) near(p index.Path) (at *vfs.Near, err error) {
	at, err = vfs.NearBy(l.at, l.files, p)
	l.at = at
	return at, err
}

func (l *looker) close() {
	if l.at != nil {
		l.at.Close()
	}
}
