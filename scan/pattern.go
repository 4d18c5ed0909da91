package scan

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
)

// part matches one component of a path.
type part struct {
	any     bool   // "**": any number of components
	literal bool   // text is the name itself
	text    string // else a pattern of doublestar
	bytes   string // text with every byte as a rune, for names that are not UTF-8
}

// parsePart turns one component of a gitignore pattern into what doublestar
// understands. The two differ in braces, which mean nothing in gitignore, and
// in bracket expressions.
func parsePart(name string) (part, error) {
	switch name {
	case "":
		return part{}, errors.New("empty component: this matches nothing")
	case ".", "..":
		return part{}, fmt.Errorf("component %q matches nothing: a pattern with a slash starts at the share's root by itself", name)
	case "**":
		return part{any: true}, nil
	}
	if !strings.ContainsAny(name, `*?[\`) {
		return part{literal: true, text: name}, nil
	}
	var out strings.Builder
	for i := 0; i < len(name); i++ {
		switch c := name[i]; c {
		case '\\':
			if i++; i == len(name) {
				return part{}, errors.New("nothing follows the last backslash")
			}
			out.WriteString(name[i-1 : i+1])
		case '{', '}':
			out.WriteByte('\\')
			out.WriteByte(c)
		case '[':
			n, err := bracket(&out, name[i:])
			if err != nil {
				return part{}, err
			}
			i += n - 1
		default:
			out.WriteByte(c)
		}
	}
	p := part{text: out.String(), bytes: widen(out.String())}
	if !doublestar.ValidatePattern(p.text) || !doublestar.ValidatePattern(p.bytes) {
		return part{}, errors.New("not a valid pattern")
	}
	return p, nil
}

var classes = map[string]string{
	"alnum": "a-zA-Z0-9", "alpha": "a-zA-Z", "blank": ` \t`, "cntrl": "\x01-\x1f\x7f", "digit": "0-9",
	"graph": `\!-~`, "lower": "a-z", "print": " -~", "punct": `\!-/:-@\[-` + "`" + `{-~`,
	"space": " \t-\r", "upper": "A-Z", "xdigit": "0-9a-fA-F",
}

// bracket rewrites the bracket expression at the start of s and returns its
// length in s. Doublestar has no POSIX classes, and takes a ']' right after
// the '[' for its end.
func bracket(out *strings.Builder, s string) (int, error) {
	i := 1
	out.WriteByte('[')
	if i < len(s) && (s[i] == '!' || s[i] == '^') {
		out.WriteByte('!')
		i++
	}
	for first := true; i < len(s); first = false {
		switch {
		case s[i] == ']' && !first:
			out.WriteByte(']')
			return i + 1, nil
		case strings.HasPrefix(s[i:], "[:"):
			name, _, ok := strings.Cut(s[i+2:], ":]")
			set, known := classes[name]
			if !ok || !known {
				return 0, errors.New("unknown class in brackets")
			}
			out.WriteString(set)
			i += len("[:") + len(name) + len(":]")
		case s[i] == '\\' && i+1 < len(s):
			out.WriteString(s[i : i+2])
			i += 2
		case s[i] == ']' || s[i] == '[':
			out.WriteByte('\\')
			out.WriteByte(s[i])
			i++
		default:
			out.WriteByte(s[i])
			i++
		}
	}
	return 0, errors.New("bracket is not closed")
}

// match reports whether name matches. In names and patterns that are UTF-8 a
// '?' is one character; else everything is bytes, since doublestar cannot tell
// one invalid byte from another.
func (p *part) match(name string) bool {
	switch {
	case p.literal:
		return p.text == name
	case utf8.ValidString(name) && utf8.ValidString(p.text):
		return doublestar.MatchUnvalidated(p.text, name)
	}
	return doublestar.MatchUnvalidated(p.bytes, widen(name))
}

// widen returns s with every byte as the rune of that number.
func widen(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

// matchParts matches the components of a path, as many as there are parts,
// with parts that have no "**".
func matchParts(parts []part, names []string) bool {
	for i := range parts {
		if !parts[i].match(names[i]) {
			return false
		}
	}
	return true
}

// matchAll matches parts with every beginning of a path: the i-th answer is for
// names[:i+1]. It follows all ways to take a "**" side by side, so that it
// looks at each part once for each name.
func matchAll(parts []part, names []string) []bool {
	out := make([]bool, len(names))
	at, next := make([]bool, len(parts)+1), make([]bool, len(parts)+1) // parts[:i] are used up
	at[0] = true
	for n, name := range names {
		clear(next)
		for p := range parts {
			if !at[p] {
				continue
			}
			switch last := p == len(parts)-1; {
			case parts[p].any && last:
				next[p], out[n] = true, true // there is something inside: "a/**" is not "a"
			case parts[p].any:
				next[p], at[p+1] = true, true // it takes up this name, or no more
			case parts[p].match(name):
				next[p+1] = true
			}
		}
		out[n] = out[n] || next[len(parts)]
		at, next = next, at
	}
	return out
}
