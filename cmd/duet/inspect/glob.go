package inspect

import "duet/store/index"

// pattern is an index.Pattern that knows what it was made of.
type pattern struct {
	text string
	glob bool
}

// IsGlob reports whether s asks for matching rather than naming a path.
func IsGlob(s string) bool { return index.IsGlob(s) }

func (p pattern) match(q index.Path) bool { return index.PatternOf(p.text, p.glob).Match(q) }

func (p pattern) valid() bool { return index.PatternOf(p.text, p.glob).Valid() }
