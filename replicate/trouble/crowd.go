package trouble

import (
	"time"

	"duet/store/index"
)

// crowd is the paths that could not be installed and are too many to be
// remembered one by one. They wait together, from one walk through what is to
// do until the next; else they would be tried over and over, without a pause.
type crowd struct {
	failed int64     // since the last walk that tried them ended
	before int64     // in the one before
	tries  int       // walks in a row in which some failed
	next   time.Time // none of them is tried before
	upto   index.Seq // what was heard later is not of them
}

// Walked notes that a walk has come to its end that began when the peer had been
// heard up to a position.
func (t *Paths) Walked(heard index.Seq, now time.Time) {
	c := &t.crowd
	if now.Before(c.next) {
		return // it passed them by
	}
	c.failed, c.before = 0, c.failed
	if c.before == 0 {
		*c = crowd{}
		return
	}
	c.tries++
	c.next, c.upto = now.Add(Backoff(c.tries)), heard
}

// Crowding reports whether in the walk that goes on too many have failed: another
// one would try them again before it is time.
func (t *Paths) Crowding() bool { return t.crowd.failed > 0 }

// InCrowd reports whether a path, of which the peer was heard at a position, may
// be one of too many, and is to be left alone for now.
func (t *Paths) InCrowd(p index.Path, heard index.Seq, now time.Time) bool {
	return now.Before(t.crowd.next) && heard <= t.crowd.upto && t.paths[p] == nil
}

// CrowdDue reports, once, that the wait of those that are too many is over.
func (t *Paths) CrowdDue(now time.Time) bool {
	c := &t.crowd
	if c.next.IsZero() || now.Before(c.next) {
		return false
	}
	c.next = time.Time{}
	return true
}
