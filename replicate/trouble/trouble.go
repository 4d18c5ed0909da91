// Package trouble remembers the paths that could not be scanned or installed.
// An error on one path stays on that path: shown, retried with back-off, and
// never silent; and while it lasts, nothing is decided at or below a path that
// could not be read. It knows no clock: it is told what time it is.
package trouble

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"syscall"
	"time"

	"duet/replicate/report"
	"duet/scan"
	"duet/store/index"
)

// Paths are the paths in trouble. The zero Paths is ready for use.
type Paths struct {
	paths map[index.Path]*hurdle // at most maxPaths, and as many again that scans found
	crowd crowd
}

const maxPaths = 10000

// Shown is how often a path has to fail until people are told: before that, it
// may well be over in a moment.
const Shown = 3

type hurdle struct {
	err     error
	skipped bool // a FIFO or the like: nothing to retry
	install bool // else found by a scan
	stale   int  // the examination that looks at it again; 0: none
	subtree bool
	since   time.Time
	next    time.Time
	tries   int
	said    time.Time // when DueInstalls last named it
}

// Scan notes a path that could not be looked at.
func (t *Paths) Scan(p scan.Problem, now time.Time) {
	h := t.note(p.Path, p.Err, now, 2*maxPaths)
	if h == nil {
		t.fold(p, now)
		return
	}
	h.skipped, h.subtree, h.install, h.stale = p.Skipped, p.Subtree, false, 0
}

// fold makes a path that is one too many block decisions all the same, by the
// nearest directory above it that is remembered, and if need be by the root.
func (t *Paths) fold(p scan.Problem, now time.Time) {
	if p.Skipped {
		return
	}
	for d := p.Path.Parent(); ; d = d.Parent() {
		h := t.paths[d]
		if d == index.Root && (h == nil || h.install) {
			h = &hurdle{since: now, err: p.Err, tries: 1, next: now.Add(Backoff(1))}
			t.paths[d] = h
		}
		if h != nil && !h.install {
			h.subtree, h.skipped, h.stale = true, false, 0
			return
		}
	}
}

// Recheck notes that what a scan found at these paths is looked at again;
// WellAgain then forgets what was not found again.
func (t *Paths) Recheck(due []scan.Dirty, serial int) {
	for _, d := range due {
		if h := t.paths[d.Path]; h != nil && !h.install {
			h.stale = serial
		}
		if !d.Recursive || len(t.paths) == 0 {
			continue
		}
		for p, h := range t.paths {
			if !h.install && p.Under(d.Path) {
				h.stale = serial
			}
		}
	}
}

// WellAgain forgets what the examination with this serial did not find again.
func (t *Paths) WellAgain(serial int) {
	maps.DeleteFunc(t.paths, func(_ index.Path, h *hurdle) bool { return h.stale == serial })
}

// Fail notes that the peer's state of a path could not be installed.
func (t *Paths) Fail(p index.Path, err error, now time.Time) {
	if h := t.note(p, err, now, maxPaths); h != nil {
		h.install, h.skipped = true, false
	} else {
		t.crowd.failed++
	}
}

// note remembers a path, unless that would be more than so many: then it
// returns nil. A peer decides how many cannot be installed, so scans have more.
func (t *Paths) note(p index.Path, err error, now time.Time, limit int) *hurdle {
	h := t.paths[p]
	if h == nil {
		if len(t.paths) >= limit {
			return nil
		}
		if t.paths == nil {
			t.paths = map[index.Path]*hurdle{}
		}
		h = &hurdle{since: now}
		t.paths[p] = h
	}
	h.err, h.said = err, time.Time{}
	h.tries++
	h.next = now.Add(Backoff(h.tries))
	return h
}

// Backoff is how long to wait after n failures: 200 ms, doubling up to a minute.
func Backoff(n int) time.Duration {
	return min(200*time.Millisecond<<min(n-1, 10), time.Minute)
}

// Clear notes that a path is well again.
func (t *Paths) Clear(p index.Path) { delete(t.paths, p) }

// ClearScan forgets what scans found at and below p: a new scan will say.
func (t *Paths) ClearScan(p index.Path) {
	maps.DeleteFunc(t.paths, func(q index.Path, h *hurdle) bool {
		return !h.install && (q == p || q.Under(p))
	})
}

// Failed returns how often a path has failed in a row, and with what, the last
// time; nil if it has not.
func (t *Paths) Failed(p index.Path) (tries int, err error) {
	if h := t.paths[p]; h != nil {
		return h.tries, h.err
	}
	return 0, nil
}

// Waits reports whether the installation of p is to be left alone for now.
func (t *Paths) Waits(p index.Path, now time.Time) bool {
	h := t.paths[p]
	return h != nil && h.install && h.next.After(now)
}

// Blocked reports whether an error at p or above it forbids decisions there.
func (t *Paths) Blocked(p index.Path) bool {
	if h := t.paths[p]; h != nil && !h.install && !h.skipped {
		return true
	}
	for d := p; d != index.Root; {
		d = d.Parent()
		if h := t.paths[d]; h != nil && h.subtree && !h.install {
			return true
		}
	}
	return false
}

// Due returns the paths whose scan is to be tried again, with all that is below
// or not, and puts off the try after that.
func (t *Paths) Due(now time.Time) map[index.Path]bool {
	var out map[index.Path]bool
	for p, h := range t.paths {
		if !h.install && !h.skipped && !h.next.After(now) {
			if out == nil {
				out = map[index.Path]bool{}
			}
			h.next = now.Add(Backoff(h.tries + 1))
			out[p] = h.subtree
		}
	}
	return out
}

// DueInstalls returns the paths whose installation is to be tried again. Each is
// named once, and again only when it could have failed once more by then: there
// may be thousands, and it takes a walk to come to them.
func (t *Paths) DueInstalls(now time.Time) []index.Path {
	var out []index.Path
	for p, h := range t.paths {
		if h.install && !h.next.After(now) && (h.said.Before(h.next) || now.Sub(h.said) >= Backoff(h.tries)) {
			h.said = now
			out = append(out, p)
		}
	}
	return out
}

// Next returns when the next retry comes up after now, zero if there is none.
func (t *Paths) Next(now time.Time) time.Time {
	var first time.Time
	for _, h := range t.paths {
		if !h.skipped && h.next.After(now) && (first.IsZero() || h.next.Before(first)) {
			first = h.next
		}
	}
	if c := t.crowd.next; c.After(now) && (first.IsZero() || c.Before(first)) {
		first = c
	}
	return first
}

// Report returns the problems for people, in walk order, at most 100, and counts
// all of them.
func (t *Paths) Report() (ps []report.Problem, skipped, failed int64) {
	for _, p := range slices.SortedFunc(maps.Keys(t.paths), index.Path.Compare) {
		h := t.paths[p]
		if h.install && h.tries < Shown {
			continue
		}
		if h.skipped {
			skipped++
		} else {
			failed++
		}
		if len(ps) < 100 {
			ps = append(ps, *h.report(p))
		}
	}
	return ps, skipped, failed + max(t.crowd.failed, t.crowd.before)
}

// At returns the problem of one path, and that of the nearest path above it
// because of which nothing is decided there; nil if there is none.
func (t *Paths) At(p index.Path) (own, above *report.Problem) {
	if h := t.paths[p]; h != nil {
		own = h.report(p)
	}
	for d := p; d != index.Root; {
		d = d.Parent()
		if h := t.paths[d]; h != nil && !h.install && (h.subtree || h.skipped) {
			return own, h.report(d)
		}
	}
	return own, nil
}

func (h *hurdle) report(p index.Path) *report.Problem {
	return &report.Problem{
		Path: p.String(), Error: Advise(h.err), Skipped: h.skipped, Since: h.since, Next: h.next, Tries: h.tries,
	}
}

// Advise adds to an error what a person can do about it.
func Advise(err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return err.Error() + ": run duet as a user who may read and write there, or add the path to `ignore`"
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return err.Error() + ": free some space; duet goes on by itself"
	case errors.Is(err, syscall.EROFS):
		return err.Error() + ": mount the filesystem writable; duet goes on by itself"
	}
	return err.Error()
}
