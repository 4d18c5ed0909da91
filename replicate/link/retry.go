package link

import "time"

// retry is the time of the next attempt to dial.
type retry struct {
	timer *time.Timer // nil: this node does not dial
}

func newRetry(dials bool) retry {
	if !dials {
		return retry{}
	}
	return retry{time.NewTimer(0)}
}

// after sets the time.
func (r retry) after(d time.Duration) {
	if r.timer != nil {
		r.timer.Reset(d)
	}
}

// due delivers when the time has come; never on a node that does not dial.
func (r retry) due() <-chan time.Time {
	if r.timer == nil {
		return nil
	}
	return r.timer.C
}
