package hostile

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// surroundings is everything that a peer must not be able to change, in words:
// all but what is in the roots, the holding areas and Duet's own state.
func (v *victim) surroundings() string {
	v.t.Helper()
	var lines []string
	must(v.t, filepath.WalkDir(v.dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if base := d.Name(); base == "root" || base == "state" || base == "log" || strings.HasPrefix(base, ".duet") || base == "mallory" {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		line := fmt.Sprintf("%s %v", name, info.Mode())
		if strings.Contains(name, "canary") { // the others have holding areas come and go in them
			line += fmt.Sprint(" ", info.ModTime().UnixNano())
		}
		if info.Mode().IsRegular() {
			b, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %q", b)
		}
		lines = append(lines, line)
		return nil
	}))
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// prints runs the commands that show what came from the peer. Nothing that
// they print, and nothing in the log, may steer a terminal.
func (v *victim) prints() {
	v.t.Helper()
	said := map[string]string{"the log": v.log(0)}
	for _, args := range []string{
		"status", "status --json", "log bad -n 2000", "log bad -n 2000 --json", "index ls --share bad --long", "index stats --json",
		"index tombstones", "conflicts", "conflicts --json", "kept ls", "recover bad --dry-run --wait 1ms",
	} {
		out, errs, code := v.Duet(strings.Fields(args)...)
		if code == 2 {
			v.t.Errorf("duet %s: exit code %d: %s", args, code, errs)
		}
		said["duet "+args] = out + errs
	}
	for what, text := range said {
		if at := steers(text); at >= 0 {
			v.t.Errorf("%s has something that steers a terminal: %q", what, text[max(0, at-100):min(len(text), at+100)])
		}
	}
}

// steers finds the first thing in a text that is more than text and line
// breaks: a control character, one of those that turn the direction of
// writing, or what is no text at all.
func steers(text string) int {
	for i, r := range text {
		if r == '\n' || r == '\t' {
			continue
		}
		if !unicode.IsPrint(r) || r == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD") {
			return i
		}
	}
	return -1
}
