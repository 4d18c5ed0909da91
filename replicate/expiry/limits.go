// Package expiry decides which kept versions have had their time, and removes
// them for good. It is the only place that destroys what was ever in a tree,
// so it does so in small steps that each survive a crash at any point.
//
// A step first commits that the versions go: their records, and the conflicts
// that they lost, are dropped, the journal gets an event for each, and an
// intent names each file by its name and its inode. Then it removes the files,
// then it drops the intents. The other order, files first, would leave records
// of files that are gone after a crash; and without intents the files would be
// found again, and kept as if they were new.
package expiry

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Limits say how long displaced versions are kept. The zero Limits keep
// everything for ever.
type Limits struct {
	Age      time.Duration // 0: off
	Versions int           // of one path; 0: off
	Size     Amount        // of all together
	MinFree  Amount        // of the filesystem: below it, versions go; never anything else
}

// Amount is a number of bytes, or a part of the filesystem. The zero Amount is
// off.
type Amount struct {
	Bytes   int64
	Percent float64
}

// Of returns the amount in bytes on a filesystem of that capacity; 0: off.
func (a Amount) Of(capacity int64) int64 {
	if a.Percent > 0 {
		return max(1, int64(a.Percent/100*float64(capacity)))
	}
	return a.Bytes
}

func (a Amount) String() string {
	switch {
	case a.Percent > 0:
		return strconv.FormatFloat(a.Percent, 'g', -1, 64) + "%"
	case a.Bytes > 0:
		return fmt.Sprintf("%d bytes", a.Bytes)
	}
	return "off"
}

// off is how a person switches a limit off.
const off = "off"

var ageUnits = map[string]time.Duration{"d": 24 * time.Hour, "h": time.Hour, "m": time.Minute, "s": time.Second}

// ParseAge reads a time such as 30d, 12h, 90m or 1d12h; 0 for "off".
func ParseAge(s string) (time.Duration, error) {
	if s == off {
		return 0, nil
	}
	wrong := fmt.Errorf("%q: want a time such as 30d, 12h, 90m or 45s, or off", s)
	if s == "" {
		return 0, wrong
	}
	var sum time.Duration
	for rest := s; rest != ""; {
		n := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if n <= 0 {
			return 0, wrong
		}
		v, err := strconv.ParseInt(rest[:n], 10, 64)
		unit, ok := ageUnits[rest[n:n+1]]
		if err != nil || !ok || v > int64(math.MaxInt64-sum)/int64(unit) {
			return 0, wrong
		}
		sum += time.Duration(v) * unit
		rest = rest[n+1:]
	}
	return sum, nil
}

// AgeText writes an age as ParseAge reads it.
func AgeText(d time.Duration) string {
	for _, unit := range []string{"d", "h", "m"} {
		if u := ageUnits[unit]; d >= u && d%u == 0 {
			return fmt.Sprintf("%d%s", d/u, unit)
		}
	}
	return d.Truncate(time.Second).String()
}

var sizeUnits = map[string]int64{
	"": 1, "B": 1, "k": 1e3, "kB": 1e3, "KB": 1e3, "M": 1e6, "MB": 1e6, "G": 1e9, "GB": 1e9, "T": 1e12, "TB": 1e12,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
}

// ParseAmount reads a number of bytes such as 500MB, 1.5GiB or 4096, a part
// of the filesystem such as 10%, or "off".
func ParseAmount(s string) (Amount, error) {
	if s == off {
		return Amount{}, nil
	}
	wrong := fmt.Errorf("%q: want a size such as 500MB or 2GiB, a part of the filesystem such as 10%%, or off", s)
	n := len(strings.TrimRight(s, "BKMGTikmgt%"))
	v, err := strconv.ParseFloat(s[:n], 64)
	if err != nil || v < 0 || math.IsNaN(v) || n > 0 && (s[0] < '0' || s[0] > '9') {
		return Amount{}, wrong
	}
	if s[n:] == "%" {
		if v > 100 {
			return Amount{}, wrong
		}
		return Amount{Percent: v}, nil
	}
	unit, ok := sizeUnits[s[n:]]
	if !ok || v > float64(math.MaxInt64/2)/float64(unit) {
		return Amount{}, wrong
	}
	return Amount{Bytes: int64(v * float64(unit))}, nil
}

// ParseVersions reads a number of versions, from 1, or "off".
func ParseVersions(s string) (int, error) {
	if s == off {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 1e6 {
		return 0, fmt.Errorf("%q: want a number of versions from 1 on, or off", s)
	}
	return n, nil
}
