package gauge

import "time"

// Rate is bytes per second over the last seconds.
type Rate struct {
	at    time.Time
	bytes int64
	per   float64
}

// Of returns it when so many bytes have come in all.
func (r *Rate) Of(bytes int64, now time.Time) float64 {
	switch d := now.Sub(r.at); {
	case r.at.IsZero() || bytes < r.bytes:
		*r = Rate{at: now, bytes: bytes}
	case d >= time.Second:
		*r = Rate{at: now, bytes: bytes, per: float64(bytes-r.bytes) / d.Seconds()}
	}
	return r.per
}
