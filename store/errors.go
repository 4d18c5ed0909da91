package store

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	bolterrors "go.etcd.io/bbolt/errors"
)

// Errors that callers act on.
var (
	// ErrLocked means that another process has the index open.
	ErrLocked = errors.New("another process has it open (stop that one, or ask it: the commands do so while duet runs)")
	// ErrCorrupt means that the file does not say what the store wrote.
	ErrCorrupt = errors.New("the file is damaged")
	// ErrFormat means that the file's format is not one that can be used here.
	ErrFormat = errors.New("unusable format")
)

// advice is what a person can do about a damaged index.
const advice = "stop duet and run 'duet index repair', which says what can be kept; or move it away: nothing is deleted then, both sides are merged"

func damage(err error) error {
	if errors.Is(err, ErrCorrupt) {
		return err
	}
	return fmt.Errorf("%w: %w (%s)", ErrCorrupt, err, advice)
}

// openError turns what bbolt says of a file into what a caller acts on.
func openError(err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return ErrLocked
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum),
		errors.Is(err, bolterrors.ErrVersionMismatch), strings.Contains(err.Error(), "file size too small"):
		return damage(err)
	}
	return err
}

// catch is deferred around everything that touches bbolt. On a damaged file
// bbolt panics, or runs past the end of its mapping, which armFaults makes a
// panic too. Those become ErrCorrupt, after undo; any other panic goes on.
func (s *Store) catch(err *error, undo func() error) {
	p := recover()
	if p == nil {
		return
	}
	blame := isDamage(p)
	if undoErr := s.undo(undo); undoErr != nil {
		s.broken.Store(true)
	}
	if !blame {
		panic(p)
	}
	*err = damage(fmt.Errorf("%v", p))
}

// undo runs f, which may panic on a damaged file like everything else.
func (s *Store) undo(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return f()
}

// damageFound is what this package panics with where it meets damage that bbolt
// did not notice, deep in an iteration.
type damageFound string

// isDamage tells a panic that a damaged file causes from a bug in this
// program: it comes out of bbolt, or it is a fault in the mapped file.
func isDamage(p any) bool {
	if _, ok := p.(damageFound); ok {
		return true
	}
	if fault, ok := p.(interface{ Addr() uintptr }); ok && fault.Addr() != 0 {
		return true
	}
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs)])
	panicking := false
	for {
		f, more := frames.Next()
		switch {
		case f.Function == "runtime.gopanic":
			panicking = true
		case panicking && !strings.HasPrefix(f.Function, "runtime."):
			return strings.HasPrefix(f.Function, "go.etcd.io/bbolt")
		}
		if !more {
			return false
		}
	}
}

// armFaults makes a bad read of mapped memory a panic of this goroutine, where
// it would end the process, and returns how to undo that.
func armFaults() (restore func()) {
	old := debug.SetPanicOnFault(true)
	return func() { debug.SetPanicOnFault(old) }
}
