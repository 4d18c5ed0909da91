package replicate

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

// trouble is the paths that could not be scanned or installed. An error on one
// path stays on that path: shown, retried with back-off, and never silent.
type trouble struct {
	paths map[index.Path]*hurdle // at most maxTrouble
	extra int64                  // problems beyond that
}

const maxTrouble = 10000

type hurdle struct {
	err     error
	skipped bool // a FIFO or the like: nothing to retry
	install bool // else found by a scan
	stale   int  // the examination that looks at it again; 0: none
	subtree bool
	since   time.Time
	next    time.Time
	tries   int
}

// scan notes a path that could not be looked at.
func (t *trouble) scan(p scan.Problem, now time.Time) {
	if h := t.note(p.Path, p.Err, now); h != nil {
		h.skipped, h.subtree, h.install, h.stale = p.Skipped, p.Subtree, false, 0
	}
}

// recheck notes that what a scan found at these paths is looked at again;
// wellAgain then forgets what was not found again.
func (t *trouble) recheck(due []scan.Dirty, serial int) {
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

func (t *trouble) wellAgain(serial int) {
	maps.DeleteFunc(t.paths, func(_ index.Path, h *hurdle) bool { return h.stale == serial })
}

// fail notes that the peer's state of a path could not be installed.
func (t *trouble) fail(p index.Path, err error, now time.Time) {
	if h := t.note(p, err, now); h != nil {
		h.install, h.skipped = true, false
	}
}

func (t *trouble) note(p index.Path, err error, now time.Time) *hurdle {
	h := t.paths[p]
	if h == nil {
		if len(t.paths) >= maxTrouble {
			t.extra++
			return nil
		}
		if t.paths == nil {
			t.paths = map[index.Path]*hurdle{}
		}
		h = &hurdle{since: now}
		t.paths[p] = h
	}
	h.err = err
	h.tries++
	h.next = now.Add(backoff(h.tries))
	return h
}

// backoff is how long to wait after n failures: 200 ms, doubling up to a minute.
func backoff(n int) time.Duration {
	return min(200*time.Millisecond<<min(n-1, 10), time.Minute)
}

// clear notes that a path is well again.
func (t *trouble) clear(p index.Path) { delete(t.paths, p) }

// clearScan forgets what scans found at and below p: a new scan will say.
func (t *trouble) clearScan(p index.Path) {
	maps.DeleteFunc(t.paths, func(q index.Path, h *hurdle) bool {
		return !h.install && (q == p || q.Under(p))
	})
}

// waits reports whether the installation of p is to be left alone for now.
func (t *trouble) waits(p index.Path, now time.Time) bool {
	h := t.paths[p]
	return h != nil && h.install && h.next.After(now)
}

// blocked reports whether an error at p or above it forbids decisions there.
func (t *trouble) blocked(p index.Path) bool {
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

// due returns the paths whose scan is to be tried again.
func (t *trouble) due(now time.Time) []index.Path {
	var out []index.Path
	for p, h := range t.paths {
		if !h.install && !h.skipped && !h.next.After(now) {
			out = append(out, p)
		}
	}
	return out
}

// dueInstalls returns the paths whose installation is to be tried again.
func (t *trouble) dueInstalls(now time.Time) []index.Path {
	var out []index.Path
	for p, h := range t.paths {
		if h.install && !h.next.After(now) {
			out = append(out, p)
		}
	}
	return out
}

// next returns when the next retry comes up after now, zero if there is none.
func (t *trouble) next(now time.Time) time.Time {
	var first time.Time
	for _, h := range t.paths {
		if !h.skipped && h.next.After(now) && (first.IsZero() || h.next.Before(first)) {
			first = h.next
		}
	}
	return first
}

// list returns the problems for people, in walk order, at most 100.
func (t *trouble) list() (ps []report.Problem, skipped, failed int64) {
	for _, p := range slices.SortedFunc(maps.Keys(t.paths), index.Path.Compare) {
		h := t.paths[p]
		if h.install && h.tries < 3 {
			continue // it may well be over in a moment: the file is just being written here, or there
		}
		if h.skipped {
			skipped++
		} else {
			failed++
		}
		if len(ps) < 100 {
			ps = append(ps, report.Problem{
				Path: p.String(), Error: advise(h.err), Skipped: h.skipped,
				Since: h.since, Next: h.next, Tries: h.tries,
			})
		}
	}
	return ps, skipped, failed + t.extra
}

// advise adds to an error what a person can do about it.
func advise(err error) string {
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
