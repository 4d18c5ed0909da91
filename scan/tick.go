package scan

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"duet/store/index"
)

// Tick is how far apart two changes of a file must be for its times to differ:
// the kernel takes them from a clock that advances only so often. A write that
// follows another within a tick can leave mtime, ctime and size as they were
// (what git calls "racily clean"), so content may be read, and a stamp trusted,
// only once the stamp's ctime is a tick old.
var Tick = func() time.Duration {
	var res unix.Timespec
	if err := unix.ClockGetres(unix.CLOCK_REALTIME_COARSE, &res); err != nil {
		return 10 * time.Millisecond // HZ=100, the coarsest in use
	}
	return time.Duration(res.Nano())
}()

// age is how long ago s last changed, by the kernel's clock; negative if that
// was in the future.
func age(s index.Stamp, now time.Time) time.Duration {
	return time.Duration(now.UnixNano() - s.Ctime)
}

// young reports whether a further write could go unnoticed, and for how long.
// A ctime in the future, after the clock was set back, is past help.
func young(s index.Stamp, now time.Time) (left time.Duration, yes bool) {
	a := age(s, now)
	return Tick - a, a >= -Tick && a < Tick
}

// ripen calls look until the stamp that it returns is old enough to be
// trusted. What changes all the time is errMoving.
func ripen(ctx context.Context, now func() time.Time, look func() (index.Stamp, error)) (index.Stamp, error) {
	for range 3 {
		at := now() // before the look, so that the stamp is at least this old
		s, err := look()
		if err != nil {
			return s, err
		}
		left, wait := young(s, at)
		if !wait {
			return s, nil
		}
		select {
		case <-time.After(left):
		case <-ctx.Done():
			return s, context.Cause(ctx)
		}
	}
	return index.Stamp{}, errMoving
}
