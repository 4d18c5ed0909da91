package link

import "time"

// telling keeps the log to one line per change. A connection that comes and
// goes every few seconds, because the share is halted on the other side, say,
// is not a change each time.
type telling struct {
	short   int              // connections in a row that did not last
	losses  map[string]bool  // reasons of losses, since the last connection that lasted
	reasons map[string]bool  // of failures to connect, since the last connection
	lasting <-chan time.Time // a connection that was not told yet has lasted
}

const (
	fewShort   = 2 // more in a row are not told
	maxReasons = 16
)

// connected reports whether a new connection is to be told now; else lasting
// delivers when it has lived for as long as given.
func (t *telling) connected(lasting time.Duration) bool {
	clear(t.reasons)
	if t.short <= fewShort {
		return true
	}
	t.lasting = time.After(lasting)
	return false
}

// lasts takes note that the connection has lived for long enough.
func (t *telling) lasts() { t.short, t.lasting, t.losses = 0, nil, nil }

// lost reports whether the loss of a connection is to be told. A peer can make
// up a new reason each time; there is an end to what is told of that.
func (t *telling) lost(reason string, lasted bool) bool {
	t.lasting = nil
	if lasted {
		t.lasts()
	} else {
		t.short++
	}
	news := t.short <= fewShort || !t.losses[reason] && len(t.losses) < maxReasons
	if t.losses == nil {
		t.losses = make(map[string]bool)
	}
	if news {
		t.losses[reason] = true
	}
	return news
}

// failed reports whether a failure to connect is to be told.
func (t *telling) failed(reason string) bool {
	if t.reasons[reason] {
		return false
	}
	if t.reasons == nil || len(t.reasons) >= maxReasons {
		t.reasons = make(map[string]bool)
	}
	t.reasons[reason] = true
	return true
}
