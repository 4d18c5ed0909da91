package report

import (
	"fmt"
	"strings"
)

// Count is "1 path", "2 paths", "2 directories".
func Count[N int | int64 | uint64](n N, one string) string {
	if n != 1 {
		if stem, ok := strings.CutSuffix(one, "y"); ok {
			one = stem + "ie"
		}
		one += "s"
	}
	return fmt.Sprintf("%d %s", n, one)
}
