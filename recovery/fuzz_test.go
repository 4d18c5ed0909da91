package recovery

import "testing"

// FuzzLimit: what is taken as max_delete means the same when it is written.
func FuzzLimit(f *testing.F) {
	for _, s := range []string{"", "0", "100", "50%", "100%", "101%", "-1", "+1", "1e3", "%", "9223372036854775807", "007%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := ParseLimit(s)
		if err != nil {
			return
		}
		if again, err := ParseLimit(l.String()); err != nil || again != l {
			t.Errorf("%q is %v, which is read as %v, %v", s, l, again, err)
		}
		if l.Exceeded(0, 1<<40) {
			t.Errorf("%q forbids to delete nothing", s)
		}
	})
}
