package expiry

import "testing"

// FuzzLimits: what a person writes for keep, min_free and journal is refused,
// or is a limit that can be meant.
func FuzzLimits(f *testing.F) {
	for _, s := range []string{"off", "30d", "1d12h", "90m", "9999999999999999999d", "500MB", "1.5GiB", "10%", "1e3", "0x10", "NaN", "+5", "1_000", "10", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := ParseAge(s); err == nil {
			again, err := ParseAge(AgeText(d))
			if d < 0 || d != 0 && (err != nil || again != d) {
				t.Errorf("age %q is %v, which is written %q and read as %v, %v", s, d, AgeText(d), again, err)
			}
		}
		if a, err := ParseAmount(s); err == nil {
			if a.Bytes < 0 || !(a.Percent >= 0 && a.Percent <= 100) || a.Percent > 0 && a.Bytes > 0 {
				t.Errorf("amount %q is %+v", s, a)
			}
			for _, capacity := range []int64{0, 1, 1 << 62} {
				if n := a.Of(capacity); n < 0 {
					t.Errorf("amount %q of %d is %d", s, capacity, n)
				}
			}
		}
		if n, err := ParseVersions(s); err == nil && n < 0 {
			t.Errorf("versions %q is %d", s, n)
		}
	})
}
