package pace_test

import (
	"strings"
	"testing"
	"time"

	"duet/replicate/pace"
)

// 2026-11-22 is a Sunday.
func at(day, hour, minute int) time.Time {
	return time.Date(2026, 11, 22+day, hour, minute, 30, 0, time.Local)
}

func TestTimetable(t *testing.T) {
	for _, c := range []struct {
		table string
		at    time.Time
		want  int64
	}{
		{"off", at(0, 12, 0), 0},
		{"512k", at(0, 12, 0), 512_000},
		{"10MiB", at(3, 0, 0), 10 << 20},
		{"08:00,512k 23:00,off", at(0, 7, 59), 0},
		{"08:00,512k 23:00,off", at(0, 8, 0), 512_000},
		{"08:00,512k 23:00,off", at(6, 22, 59), 512_000},
		{"08:00,512k 23:00,off", at(6, 23, 0), 0},
		{"23:00,off 08:00,512k", at(2, 12, 0), 512_000},
		{"08:00,512k", at(0, 1, 0), 512_000},
		{"Mon-08:00,1M Fri-18:00,off", at(0, 12, 0), 0},
		{"Mon-08:00,1M Fri-18:00,off", at(1, 7, 59), 0},
		{"Mon-08:00,1M Fri-18:00,off", at(1, 8, 0), 1e6},
		{"Mon-08:00,1M Fri-18:00,off", at(5, 18, 0), 0},
		{"12:00,1M Sun-13:00,2M", at(0, 13, 0), 2e6},
		{"12:00,1M Sun-13:00,2M", at(1, 13, 0), 1e6},
	} {
		table, err := pace.ParseTimetable(c.table)
		if err != nil {
			t.Errorf("%s: %v", c.table, err)
			continue
		}
		if got := table.At(c.at); got != c.want {
			t.Errorf("%s, %s: %d, want %d", c.table, c.at.Format("Mon 15:04"), got, c.want)
		}
	}
}

func TestWrongTimetables(t *testing.T) {
	for table, want := range map[string]string{
		"":                      "want a limit",
		"fast":                  "want a limit",
		"10%":                   "want a limit",
		"100":                   "lowest limit is 8k",
		"08:00,512k 09:00":      "want a time and a limit",
		"24:00,512k 09:00,1M":   "from 00:00 to 23:59",
		"8:0,512k 09:00,1M":     "from 00:00 to 23:59",
		"Foo-08:00,1M":          "want a day",
		"08:00,1M 08:00,2M":     "the same time",
		"08:00,1M Mon-08:00,2M": "the same time",
	} {
		if _, err := pace.ParseTimetable(table); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", table, err, want)
		}
	}
}

// What is sent keeps to the limit, what is urgent passes the rest and is counted,
// and a limit that ends, ends.
func TestLimiter(t *testing.T) {
	table, err := pace.ParseTimetable("08:00,100k 23:00,off")
	if err != nil {
		t.Fatal(err)
	}
	now := at(0, 12, 0)
	l := pace.NewLimiter(table, func() time.Time { return now })
	if n := l.Piece(1 << 20); n != 100_000 {
		t.Errorf("pieces of %d", n)
	}
	for i, c := range []struct {
		n      int
		urgent bool
		want   time.Duration
	}{
		{100_000, false, 0},
		{100_000, false, time.Second},
		{50_000, true, 0},
		{50_000, true, 500 * time.Millisecond},
		{100_000, false, 3 * time.Second},
	} {
		if got := l.Reserve(c.n, c.urgent); got.Round(time.Millisecond) != c.want {
			t.Errorf("%d: waits %v, want %v", i, got, c.want)
		}
	}
	now = at(0, 23, 0)
	if got := l.Reserve(1<<30, false); got != 0 || l.Rate() != 0 || l.Piece(9) != 9 {
		t.Errorf("waits %v without a limit", got)
	}
	if none := pace.NewLimiter(nil, nil); none.Reserve(1<<30, false) != 0 || none.Rate() != 0 {
		t.Error("waits without a timetable")
	}
}

// What goes at once is owed by what follows, and has an end: over time all of it
// keeps to the limit.
func TestSpend(t *testing.T) {
	table, err := pace.ParseTimetable("100k")
	if err != nil {
		t.Fatal(err)
	}
	now := at(0, 12, 0)
	l := pace.NewLimiter(table, func() time.Time { return now })
	sent := 0
	for range 10 {
		if l.Spend(30_000) {
			sent += 30_000
		}
	}
	if sent != 120_000 {
		t.Errorf("%d bytes went at once", sent)
	}
	if small, large := l.Reserve(100, true), l.Reserve(100, false); small.Round(time.Millisecond) != 1200*time.Millisecond || large.Round(time.Millisecond) != 1201*time.Millisecond {
		t.Errorf("what follows waits %v, %v", small, large)
	}
	for range 100 {
		now = now.Add(100 * time.Millisecond)
		if l.Spend(30_000) {
			sent += 30_000
		}
	}
	if sent < 1_000_000 || sent > 1_130_000 {
		t.Errorf("%d bytes in ten seconds", sent)
	}
	if !pace.NewLimiter(nil, nil).Spend(1 << 30) {
		t.Error("waits without a limit")
	}
}

func FuzzTimetable(f *testing.F) {
	f.Add("08:00,512k 23:00,off", int64(1e9))
	f.Add("Mon-08:00,1M", int64(-1e9))
	f.Fuzz(func(t *testing.T, s string, sec int64) {
		table, err := pace.ParseTimetable(s)
		if err != nil {
			return
		}
		if rate := table.At(time.Unix(sec%1e11, 0)); rate != 0 && rate < pace.Least {
			t.Errorf("%q: %d", s, rate)
		}
	})
}
