package report

import "testing"

func TestCount(t *testing.T) {
	for want, got := range map[string]string{
		"0 paths": Count(0, "path"), "1 path": Count(1, "path"), "2 paths": Count(2, "path"),
		"1 directory": Count(int64(1), "directory"), "0 directories": Count(int64(0), "directory"), "12 kept versions": Count(12, "kept version"),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
