package inspect

import (
	"path"
	"strings"

	"duet/store/index"
)

// pattern selects paths: everything, a path and what is below it, or a glob.
type pattern struct {
	text string
	glob bool
}

// IsGlob reports whether s asks for matching rather than naming a path.
func IsGlob(s string) bool { return strings.ContainsAny(s, "*?[") }

// match: a glob with a slash is matched against the whole path ("**" is any
// number of directories), one without against the last component.
func (p pattern) match(q index.Path) bool {
	switch {
	case p.text == "":
		return true
	case !p.glob:
		return string(q) == p.text || q.Under(index.Path(p.text))
	case !strings.Contains(p.text, "/"):
		ok, _ := path.Match(p.text, q.Leaf())
		return ok
	}
	return matchParts(strings.Split(strings.TrimPrefix(p.text, "/"), "/"), strings.Split(string(q), "/"))
}

func (p pattern) valid() bool {
	_, err := path.Match(p.text, "")
	return !p.glob || err == nil
}

// matchParts follows all ways to take a "**" side by side: to try one after the
// other takes for ever where there are many.
func matchParts(globs, parts []string) bool {
	// at[i]: globs[:i] match the parts so far.
	at, next := make([]bool, len(globs)+1), make([]bool, len(globs)+1)
	reach := func(set []bool, i int) {
		set[i] = true
		for ; i < len(globs) && globs[i] == "**"; i++ { // which may be nothing
			set[i+1] = true
		}
	}
	reach(at, 0)
	for _, part := range parts {
		clear(next)
		for i, glob := range globs {
			if !at[i] {
				continue
			}
			if glob == "**" {
				reach(next, i)
			} else if ok, _ := path.Match(glob, part); ok {
				reach(next, i+1)
			}
		}
		at, next = next, at
	}
	return at[len(globs)]
}
