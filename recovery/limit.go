package recovery

import (
	"fmt"
	"strconv"
	"strings"
)

// percentFloor is the number of deletes below which a percentage never counts:
// removing two of three files is not an accident worth stopping for.
const percentFloor = 100

// Limit is max_delete: how many deletes may happen without a person's
// approval. The zero Limit allows none; see ParseLimit.
type Limit struct {
	n       int64
	percent bool
}

// ParseLimit reads max_delete: a count ("100"), a percentage of the live paths
// ("50%"), or "" for the default of 50%.
func ParseLimit(s string) (Limit, error) {
	if s == "" {
		return Limit{50, true}, nil
	}
	num, percent := strings.CutSuffix(s, "%")
	n, err := strconv.ParseInt(num, 10, 64)
	if err != nil || n < 0 || strings.HasPrefix(num, "+") {
		return Limit{}, fmt.Errorf("max_delete %q: want a count like 100, or a percentage like 50%%", s)
	}
	if percent && n > 100 {
		return Limit{}, fmt.Errorf("max_delete %q: a percentage is at most 100%%, which never waits", s)
	}
	return Limit{n, percent}, nil
}

func (l Limit) String() string {
	if l.percent {
		return fmt.Sprintf("%d%%", l.n)
	}
	return strconv.FormatInt(l.n, 10)
}

// Exceeded reports whether so many deletes, of total live paths before them,
// need approval. A percentage counts from 100 deletes on.
func (l Limit) Exceeded(deletes, total int64) bool {
	if !l.percent {
		return deletes > l.n
	}
	if deletes < percentFloor {
		return false
	}
	// In floating point, since deletes*100 may overflow for hostile counts.
	return float64(deletes)*100 > float64(l.n)*float64(total)
}

// Near reports whether so many deletes may be the first of more than the limit
// allows, so that it is worth a moment to hear whether others follow.
func (l Limit) Near(deletes int64) bool {
	if l.percent {
		return deletes >= percentFloor
	}
	return deletes > l.n/4
}
