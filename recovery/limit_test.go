package recovery

import (
	"math"
	"strings"
	"testing"
)

func TestParseLimit(t *testing.T) {
	for in, want := range map[string]string{
		"": "50%", "50%": "50%", "0%": "0%", "100%": "100%", "100": "100", "0": "0", "007": "7",
		"101%": "", "-1": "", "-1%": "", "+5": "", "5 %": "", "x": "", "%": "", "5%%": "", "1e3": "",
	} {
		l, err := ParseLimit(in)
		if want == "" {
			if err == nil || !strings.Contains(err.Error(), "max_delete") {
				t.Errorf("%q: %v, %v", in, l, err)
			}
			continue
		}
		if err != nil || l.String() != want {
			t.Errorf("%q: %v, %v, want %s", in, l, err, want)
		}
	}
}

func TestExceeded(t *testing.T) {
	for _, c := range []struct {
		limit          string
		deletes, total int64
		want           bool
	}{
		{"50%", 0, 0, false},
		{"50%", 2, 3, false},   // below the floor
		{"50%", 99, 99, false}, // likewise
		{"50%", 100, 100, true},
		{"50%", 100, 200, false},
		{"50%", 101, 201, true},
		{"0%", 99, 1000, false},
		{"0%", 100, 1000, true},
		{"100%", 1000, 1000, false},
		{"100", 100, 100, false},
		{"100", 101, 1_000_000, true},
		{"0", 0, 5, false},
		{"0", 1, 5, true},
		{"50%", math.MaxInt64, math.MaxInt64, true},
		{"50%", math.MaxInt64 / 4, math.MaxInt64, false},
	} {
		l, err := ParseLimit(c.limit)
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Exceeded(c.deletes, c.total); got != c.want {
			t.Errorf("%s: %d of %d exceeds it: %v", c.limit, c.deletes, c.total, got)
		}
	}
}

func TestNear(t *testing.T) {
	for _, c := range []struct {
		limit   string
		deletes int64
		want    bool
	}{
		{"50%", 99, false},
		{"50%", 100, true},
		{"0", 1, true},
		{"10", 2, false},
		{"10", 3, true},
		{"1000", 250, false},
		{"1000", 251, true},
	} {
		l, err := ParseLimit(c.limit)
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Near(c.deletes); got != c.want {
			t.Errorf("%s: %d is near it: %v", c.limit, c.deletes, got)
		}
	}
}
