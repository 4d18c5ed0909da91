// Package pace keeps what a node sends within a limit, which may depend on the
// time of day.
package pace

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"duet/replicate/expiry"
)

// Least is the lowest limit there is: below it a stream would seem to hang.
const Least = 8000

// Timetable is a limit in bytes a second for every minute of the week.
type Timetable []slot // in the order of from; empty: no limit

// slot is from which minute of the week on which limit holds.
type slot struct {
	from int
	rate int64 // 0: none
}

var days = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// ParseTimetable reads a limit, such as 10MiB, 512k or off, or a list of the times
// from which on one holds: "08:00,512k 18:00,10M 23:00,off", each on every day, or
// on one: "Mon-08:00,512k Sat-00:00,off". The times are local.
func ParseTimetable(s string) (Timetable, error) {
	fields := strings.Fields(s)
	if len(fields) == 1 && !strings.Contains(s, ",") {
		rate, err := parseRate(s)
		if err != nil || rate == 0 {
			return nil, err
		}
		return Timetable{{0, rate}}, nil
	}
	if len(fields) == 0 {
		return nil, fmt.Errorf("%q: want a limit a second such as 512k or 10MiB, times and limits such as \"08:00,512k 23:00,off\", or off", s)
	}
	var t Timetable
	for _, f := range fields {
		at, limit, ok := strings.Cut(f, ",")
		if !ok {
			return nil, fmt.Errorf("%q: want a time and a limit, such as 08:00,512k", f)
		}
		rate, err := parseRate(limit)
		if err != nil {
			return nil, err
		}
		from, every, err := parseTime(at)
		if err != nil {
			return nil, err
		}
		for d := range days {
			if every || d == from/(24*60) {
				t = append(t, slot{d*24*60 + from%(24*60), rate})
			}
		}
	}
	slices.SortFunc(t, func(a, b slot) int { return cmp.Compare(a.from, b.from) })
	for i := 1; i < len(t); i++ {
		if t[i].from == t[i-1].from {
			return nil, fmt.Errorf("%q: two limits from the same time on", s)
		}
	}
	return t, nil
}

// parseTime reads HH:MM, or Mon-HH:MM, as a minute of the week.
func parseTime(s string) (minute int, every bool, err error) {
	day, clock, ok := strings.Cut(s, "-")
	d := 0
	if !ok {
		clock, every = s, true
	} else if d = slices.Index(days, strings.ToLower(day)); d < 0 {
		return 0, false, fmt.Errorf("%q: want a day such as Mon before the time", s)
	}
	hh, mm, ok := strings.Cut(clock, ":")
	h, e1 := strconv.ParseUint(hh, 10, 8)
	m, e2 := strconv.ParseUint(mm, 10, 8)
	if !ok || e1 != nil || e2 != nil || h > 23 || m > 59 || len(mm) != 2 {
		return 0, false, fmt.Errorf("%q: want a time from 00:00 to 23:59", s)
	}
	return (d*24+int(h))*60 + int(m), every, nil
}

func parseRate(s string) (int64, error) {
	a, err := expiry.ParseAmount(s)
	switch {
	case err != nil || a.Percent > 0:
		return 0, fmt.Errorf("%q: want a limit a second such as 512k or 10MiB, or off", s)
	case a.Bytes > 0 && a.Bytes < Least:
		return 0, fmt.Errorf("%q: the lowest limit is %dk a second", s, Least/1000)
	}
	return a.Bytes, nil
}

// At returns the limit at a time, in bytes a second; 0: none.
func (t Timetable) At(now time.Time) int64 {
	if len(t) == 0 {
		return 0
	}
	minute := (int(now.Weekday())*24+now.Hour())*60 + now.Minute()
	i, found := slices.BinarySearchFunc(t, minute, func(s slot, m int) int { return cmp.Compare(s.from, m) })
	if !found {
		i-- // the one that began before, if need be last week
	}
	return t[(i+len(t))%len(t)].rate
}
