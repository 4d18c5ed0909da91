package inspect

import (
	"testing"

	"duet/store/index"
)

func TestPattern(t *testing.T) {
	for _, c := range []struct {
		text string
		path index.Path
		want bool
	}{
		{"", "a/b", true},
		{"a", "a", true}, {"a", "a/b", true}, {"a", "ab", false}, {"a/b", "a", false},
		{"*.png", "x.png", true}, {"*.png", "d/e/x.png", true}, {"*.png", "x.png/y", false},
		{"d/*", "d/x", true}, {"d/*", "d/e/x", false}, {"/d/*", "d/x", true}, {"/*", "d", true}, {"/*", "d/x", false},
		{"**/x", "x", true}, {"**/x", "a/b/x", true}, {"a/**/x", "a/x", true}, {"a/**/x", "a/b/c/x", true}, {"a/**/x", "b/x", false},
		{"a/**", "a/b/c", true}, {"?[bc]", "xc", true}, {"?[bc]", "xd", false},
	} {
		p := pattern{c.text, IsGlob(c.text)}
		if got := p.match(c.path); got != c.want {
			t.Errorf("%q matches %q: %v, want %v", c.text, c.path, got, c.want)
		}
	}
}
