package index

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits on names, from Linux's NAME_MAX and PATH_MAX.
const (
	MaxName = 255
	MaxPath = 4096
)

// Path names something inside a share: components joined by '/', relative to
// the root, never empty, with no empty, "." or ".." component and no NUL.
// Components are raw bytes, as Linux has them; they need not be UTF-8.
//
// A Path comes only from ParsePath, PathFromKey, Join and Parent. The one
// exception is Root, which stands for the share's root directory itself; it
// has no record in the index. string(p) is the raw name; p.String() is safe to
// print.
type Path string

// Root is the share's root directory.
const Root Path = ""

// ParsePath checks a raw name, from the wire, a user or a key, and returns it
// as a Path.
func ParsePath(raw string) (Path, error) {
	if raw == "" {
		return "", errors.New("empty path")
	}
	if len(raw) > MaxPath {
		return "", fmt.Errorf("path of %d bytes: the limit is %d", len(raw), MaxPath)
	}
	rest := raw
	for {
		name, tail, more := strings.Cut(rest, "/")
		if err := checkName(name); err != nil {
			return "", fmt.Errorf("path %s: %w", Quote(raw), err)
		}
		if !more {
			return Path(raw), nil
		}
		rest = tail
	}
}

func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("empty component")
	case name == "." || name == "..":
		return fmt.Errorf("component %q", name)
	case len(name) > MaxName:
		return fmt.Errorf("component of %d bytes: the limit is %d", len(name), MaxName)
	case strings.IndexByte(name, 0) >= 0:
		return errors.New("NUL byte")
	}
	return nil
}

// Join returns the path of name inside p.
func (p Path) Join(name string) (Path, error) {
	if err := checkName(name); err != nil {
		return "", err
	}
	if strings.IndexByte(name, '/') >= 0 {
		return "", fmt.Errorf("component %s contains a slash", Quote(name))
	}
	if p == Root {
		return Path(name), nil
	}
	if len(p)+1+len(name) > MaxPath {
		return "", fmt.Errorf("path of %d bytes: the limit is %d", len(p)+1+len(name), MaxPath)
	}
	return p + "/" + Path(name), nil
}

// Parent returns the directory that holds p; Root for a top-level path.
func (p Path) Parent() Path {
	if i := strings.LastIndexByte(string(p), '/'); i >= 0 {
		return p[:i]
	}
	return Root
}

// Leaf returns p's last component.
func (p Path) Leaf() string {
	return string(p[strings.LastIndexByte(string(p), '/')+1:])
}

// Under reports whether p is strictly below dir. Everything is under Root.
func (p Path) Under(dir Path) bool {
	if dir == Root {
		return p != Root
	}
	return len(p) > len(dir) && p[len(dir)] == '/' && p[:len(dir)] == dir
}

// Key returns p's key in the index: '/' becomes NUL, so that keys in byte
// order are paths in walk order, every directory directly before its contents.
func (p Path) Key() []byte {
	return bytes.ReplaceAll([]byte(p), []byte{'/'}, []byte{0})
}

// PathFromKey is the inverse of Key.
func PathFromKey(key []byte) (Path, error) {
	if bytes.IndexByte(key, '/') >= 0 {
		return "", fmt.Errorf("key %q contains a slash", key)
	}
	return ParsePath(string(bytes.ReplaceAll(key, []byte{0}, []byte{'/'})))
}

// Compare orders paths as a walk meets them: a directory, then its contents,
// then the directory's next sibling; names in byte order. The result is
// negative, zero or positive.
func (p Path) Compare(q Path) int {
	n := min(len(p), len(q))
	for i := range n {
		a, b := p[i], q[i]
		if a == b {
			continue
		}
		if a == '/' {
			return -1
		}
		if b == '/' {
			return 1
		}
		return int(a) - int(b)
	}
	return len(p) - len(q)
}

// String returns p as a person may see it: see Quote.
func (p Path) String() string {
	if p == Root {
		return "."
	}
	return Quote(string(p))
}

// Quote returns a raw name unchanged when it is printable UTF-8, and as a
// double-quoted Go string otherwise, so that no name can forge a line of
// output or steer a terminal.
func Quote(raw string) string {
	if utf8.ValidString(raw) && !strings.ContainsAny(raw, `"\`) &&
		strings.IndexFunc(raw, func(r rune) bool { return !strconv.IsPrint(r) }) < 0 {
		return raw
	}
	return strconv.Quote(raw)
}

// Unquote is the raw name that Quote wrote: no raw name begins with a quote in
// what it returns.
func Unquote(text string) (string, error) {
	if !strings.HasPrefix(text, `"`) {
		return text, nil
	}
	raw, err := strconv.Unquote(text)
	if err != nil {
		return "", fmt.Errorf("%s: a quoted path that is not written as Duet prints it", text)
	}
	return raw, nil
}
