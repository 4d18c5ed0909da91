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

// isGlob reports whether s asks for matching rather than naming a path.
func isGlob(s string) bool { return strings.ContainsAny(s, "*?[") }

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

func matchParts(globs, parts []string) bool {
	if len(globs) == 0 {
		return len(parts) == 0
	}
	if globs[0] == "**" {
		for i := range len(parts) + 1 {
			if matchParts(globs[1:], parts[i:]) {
				return true
			}
		}
		return false
	}
	if len(parts) == 0 {
		return false
	}
	ok, _ := path.Match(globs[0], parts[0])
	return ok && matchParts(globs[1:], parts[1:])
}
