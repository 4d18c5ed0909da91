package index

import (
	"fmt"
	"path"
	"strings"
)

// Pattern selects paths: everything (""), a path and what is below it, or a
// glob. A glob with a slash is matched against the whole path, where "**" is any
// number of directories; one without a slash against the last component.
type Pattern struct {
	text string
	glob bool
}

// IsGlob reports whether s asks for matching rather than naming a path.
func IsGlob(s string) bool { return strings.ContainsAny(s, "*?[") }

// ParsePattern reads a raw path or a glob.
func ParsePattern(text string) (Pattern, error) {
	p := PatternOf(text, IsGlob(text))
	if !p.Valid() {
		return p, fmt.Errorf("pattern %s: not a glob: a '[' must have its ']'", Quote(text))
	}
	return p, nil
}

// PatternOf returns a pattern of which it is known whether it is a glob.
func PatternOf(text string, glob bool) Pattern { return Pattern{text, glob} }

// Text returns the pattern as it was written.
func (p Pattern) Text() string { return p.text }

// Glob reports whether p is a glob.
func (p Pattern) Glob() bool { return p.glob }

// Valid reports whether p can match anything.
func (p Pattern) Valid() bool {
	_, err := path.Match(p.text, "")
	return !p.glob || err == nil
}

// Match reports whether p selects q.
func (p Pattern) Match(q Path) bool {
	switch {
	case p.text == "":
		return true
	case !p.glob:
		return string(q) == p.text || q.Under(Path(p.text))
	case !strings.Contains(p.text, "/"):
		ok, _ := path.Match(p.text, q.Leaf())
		return ok
	}
	return matchParts(strings.Split(strings.TrimPrefix(p.text, "/"), "/"), strings.Split(string(q), "/"))
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
