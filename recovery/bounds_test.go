package recovery

import (
	"strings"
	"testing"

	"duet/store/index"
)

func TestParseBounds(t *testing.T) {
	b, _, err := ParseBounds("50%", []Under{{"/a/b/", "5%"}, {"/uploads", "200"}, {"a", "0"}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range b {
		got = append(got, string(x.Dir)+"="+x.Limit.String())
	}
	if s := strings.Join(got, " "); s != "=50% uploads=200 a=0 a/b=5%" {
		t.Errorf("bounds %s", s)
	}
	for p, want := range map[index.Path]bool{"a": true, "a/b": true, "a/bc/d": true, "ab": false, "b/a": false} {
		if b[2].Holds(p) != want {
			t.Errorf("a holds %s: %v", p, !want)
		}
	}
	for _, c := range []struct {
		all   string
		under []Under
		item  int
		says  string
	}{
		{"lots", nil, -1, "max_delete"},
		{"", []Under{{"/a", "1"}, {"/", "2"}}, 1, "whole share"},
		{"", []Under{{"/a/../b", "1"}}, 0, "component"},
		{"", []Under{{"/a", ""}}, 0, "no limit"},
		{"", []Under{{"/a", "many"}}, 0, "want a count"},
		{"", []Under{{"/a", "1"}, {"a/", "2"}}, 1, "twice"},
		{"", make([]Under, 1), 0, "whole share"},
	} {
		if _, i, err := ParseBounds(c.all, c.under); err == nil || i != c.item || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q %v: item %d, %v", c.all, c.under, i, err)
		}
	}
}
