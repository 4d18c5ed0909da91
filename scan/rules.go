package scan

import (
	"errors"
	"fmt"
	"strings"

	"duet/store/index"
)

// Rules say which paths are not synchronised: never reported, never sent,
// never deleted. A nil *Rules has the built-in ones only, see builtin.
type Rules struct {
	rules []rule
	bytes int // of all lines
}

// mostWork bounds what matching one path with all rules may take: the bytes of
// the rules times those of the path, which is some milliseconds. Both may come
// from the peer. A thousand ordinary rules meet it with paths of a few hundred
// bytes.
const mostWork = 8 << 20

// rule is one line of gitignore(5).
type rule struct {
	line    string // as it was written
	negate  bool
	dirOnly bool
	// parts are the components of a pattern with a slash, which is anchored at
	// the root. A pattern without one has a single part, which any component
	// of that name matches.
	parts    []part
	anchored bool
	stars    int // how many parts are "**"
}

// ParseRules reads lines of gitignore(5), as of a .gitignore in the share's
// root. Where git silently ignores a pattern that can never match, this is an
// error; it names the line, the first is 1.
func ParseRules(lines []string) (*Rules, error) {
	rs := &Rules{}
	for i, line := range lines {
		r, ok, err := parseRule(line)
		if err != nil {
			return nil, fmt.Errorf("ignore line %d, %s: %w", i+1, index.Quote(line), err)
		}
		if ok {
			rs.rules = append(rs.rules, r)
			rs.bytes += len(line)
		}
	}
	return rs, nil
}

func parseRule(line string) (r rule, ok bool, err error) {
	text := trimSpaces(strings.TrimSuffix(line, "\r"))
	if text == "" || text[0] == '#' {
		return rule{}, false, nil
	}
	if strings.ContainsAny(text, "\n\x00") {
		return rule{}, false, errors.New("more than one line")
	}
	r.line = text
	text, r.negate = strings.CutPrefix(text, "!")
	text, r.dirOnly = strings.CutSuffix(text, "/")
	text, r.anchored = strings.CutPrefix(text, "/")
	r.anchored = r.anchored || strings.Contains(text, "/")
	for _, name := range strings.Split(text, "/") {
		p, err := parsePart(name)
		if err != nil {
			return rule{}, false, err
		}
		// "a/**/**/b" is "a/**/b".
		if n := len(r.parts); p.any && n > 0 && r.parts[n-1].any {
			continue
		}
		if p.any {
			r.stars++
		}
		r.parts = append(r.parts, p)
	}
	return r, true, nil
}

// trimSpaces removes trailing spaces, but not one that a backslash quotes.
func trimSpaces(s string) string {
	t := strings.TrimRight(s, " ")
	slashes := len(t) - len(strings.TrimRight(t, `\`))
	if slashes%2 == 1 && len(t) < len(s) {
		return t + " "
	}
	return t
}

// match matches names; known is what matchAll says of them, nil if it was not
// asked.
func (r *rule) match(names []string, dir bool, known []bool) bool {
	if r.dirOnly && !dir {
		return false
	}
	if !r.anchored {
		return r.parts[0].any || r.parts[0].match(names[len(names)-1])
	}
	if r.stars == 0 {
		return len(names) == len(r.parts) && matchParts(r.parts, names)
	}
	if known == nil {
		known = matchAll(r.parts, names)
	}
	return known[len(names)-1]
}

// Ignored reports whether p, a directory or not, is left alone, for its own
// name or for that of a directory that holds it.
func (rs *Rules) Ignored(p index.Path, dir bool) bool {
	_, ok := rs.Match(p, dir)
	return ok
}

// Match returns the rule that makes p ignored: the line that was given, or a
// description of a built-in rule.
func (rs *Rules) Match(p index.Path, dir bool) (line string, ok bool) {
	if p == index.Root {
		return "", false
	}
	if rs.overlong(p) {
		return overlong, true
	}
	names := strings.Split(string(p), "/")
	starred := rs.starred(names)
	for i := range names {
		last := i == len(names)-1
		if line, ok := rs.last(names[:i+1], dir || !last, starred); ok {
			return line, true
		}
	}
	return "", false
}

// starred matches the rules that have a "**" with a path and with everything
// above it at once: paths from the peer may be thousands of components deep.
// The result has a list for each such rule, see matchAll.
func (rs *Rules) starred(names []string) [][]bool {
	if rs == nil {
		return nil
	}
	out := make([][]bool, len(rs.rules))
	for i := range rs.rules {
		if r := &rs.rules[i]; r.anchored && r.stars > 0 {
			out[i] = matchAll(r.parts, names)
		}
	}
	return out
}

const overlong = "built-in: the path is too long for so many rules"

func (rs *Rules) overlong(p index.Path) bool { return rs != nil && rs.bytes*len(p) > mostWork }

// own is Match without the directories above: what is ignored there cannot be
// included again below, as in git, and a walk does not get below it. names are
// the components of p.
func (rs *Rules) own(p index.Path, names []string, dir bool) (line string, ok bool) {
	if rs.overlong(p) {
		return overlong, true
	}
	return rs.last(names, dir, nil)
}

// last is own for what starred may have matched already; nil if it has not.
func (rs *Rules) last(names []string, dir bool, starred [][]bool) (line string, ok bool) {
	leaf := names[len(names)-1]
	if line, ok := reserved(leaf, dir); ok {
		return line, true
	}
	if rs != nil {
		for i := len(rs.rules) - 1; i >= 0; i-- {
			r := &rs.rules[i]
			var known []bool
			if starred != nil {
				known = starred[i]
			}
			if r.match(names, dir, known) {
				return r.line, !r.negate
			}
		}
	}
	return temporary(leaf)
}
