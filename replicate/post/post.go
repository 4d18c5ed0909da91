// Package post is how work outside the loop of a share reaches it. The state of
// a share belongs to one goroutine, its loop; what people and the peer ask for
// takes long and runs in their own. A Loop is what such work knows of that one,
// and how it has something done there, or in the writer lane.
package post

import (
	"context"
	"fmt"
	"time"

	"duet/replicate/link"
	"duet/replicate/looks"
	"duet/replicate/report"
	"duet/replicate/transfer"
	"duet/replicate/wire"
	"duet/scan/vfs"
	"duet/store/index"
)

// Loop is the loop of a share. Do may be called from any goroutine but the
// loop's, Check from any; the others only in the loop, as by what Do runs.
type Loop struct {
	Share string // its name

	Do    func(ctx context.Context, f func(done chan<- error)) error // runs f in the loop, and waits for what it sends to done
	Start func(work func() (then func()))                            // runs work elsewhere, and in the loop what it returns
	Ask   func(job func() (then func()))                             // the same in the writer lane
	Now   func() Now
	Check func(vfs.Files) error // says why the tree must not be written; nil if it may
	Wrote func()                // takes note of what was just written into the index
	Halt  func(error)           // halts the share; it begins again with a replay
	Looks *looks.Underway
}

// Now is how a share is at a moment.
type Now struct {
	Root   context.Context // ends with the life of the root; nil: there is none
	Files  vfs.Files
	Ready  bool // the first scan of this life is done
	Paused bool
	Held   bool // nothing is applied until a person has looked at the plan
	State  report.State
	Halted bool
	Reason string // why there is no root, or why it is halted, and what to do

	Talk  context.Context // ends with the session; nil: the peer is not connected
	Conn  link.Conn
	Hello *wire.Hello // what the peer said first
	Fetch *transfer.Fetcher
	Heard index.Seq // the peer has heard us up to here, as far as is known
	Apart string    // why there was no session last; "": not known
}

// Rootless says why nothing can be written now.
func (l *Loop) Rootless() error {
	now := l.Now()
	if now.State.Halted() {
		return report.Status{Name: l.Share, State: now.State, Reason: now.Reason}.Blocked()
	}
	return fmt.Errorf("share %q has no root now: %s", l.Share, now.Reason)
}

// Mark has a path, and if below is true all below it, looked at: what has
// changed there is an edit like any other.
func (l *Loop) Mark(p index.Path, below bool) { l.Looks.Dirty.Mark(p, below, time.Now()) }

// Result is Do for what has a result. If ctx ends before the loop gets to it,
// the result goes nowhere.
func Result[T any](ctx context.Context, l *Loop, f func() (T, error)) (result T, err error) {
	got := make(chan T, 1)
	err = l.Do(ctx, func(done chan<- error) {
		v, err := f()
		got <- v
		done <- err
	})
	if err == nil {
		result = <-got
	}
	return result, err
}

// Write has the writer lane do a job, then runs then in the loop, and waits.
// then may be nil. Call it from any goroutine but the loop's.
func (l *Loop) Write(ctx context.Context, job func() error, then func(error)) error {
	return l.Do(ctx, func(done chan<- error) { l.Wait(job, then, done) })
}

// Wait is Write for what runs in the loop already: done gets the job's error.
func (l *Loop) Wait(job func() error, then func(error), done chan<- error) {
	l.Ask(func() func() {
		err := job()
		return func() {
			if then != nil {
				then(err)
			}
			l.Wrote()
			done <- err
		}
	})
}
