package scan

import "duet/store/index"

// Rules say which paths are not synchronised.
type Rules struct{}

// ParseRules reads lines of gitignore(5). An error names the line.
func ParseRules(lines []string) (*Rules, error) { return &Rules{}, nil }

// Ignored reports whether p, a directory or not, is left alone, for its own
// name or for that of a directory that holds it.
func (r *Rules) Ignored(p index.Path, dir bool) bool { return false }

// Match returns the rule that makes p ignored.
func (r *Rules) Match(p index.Path, dir bool) (rule string, ok bool) { return "", false }
