package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// However long the paths in an error, a line of the log stays short, and tells
// both ends.
func TestLogIsClipped(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var b bytes.Buffer
		log, err := logging{level: "info", format: format}.logger(&b)
		if err != nil {
			t.Fatal(err)
		}
		long := strings.Repeat("ö", 2000)
		log.Info("short", "path", "a/b", "count", 3)
		log.Error("long", "path", long, "err", fmt.Errorf("install %q: %w", long, errors.New("permission denied")))
		lines := strings.Split(strings.TrimSpace(b.String()), "\n")
		if len(lines) != 2 || !strings.Contains(lines[0], "a/b") || !strings.Contains(lines[0], "3") {
			t.Fatalf("%s: %q", format, lines)
		}
		if len(lines[1]) > 3*maxLogged || !utf8.ValidString(lines[1]) || strings.ContainsRune(lines[1], utf8.RuneError) {
			t.Errorf("%s: %d bytes: %q", format, len(lines[1]), lines[1])
		}
		for _, word := range []string{"install ", "permission denied"} {
			if !strings.Contains(lines[1], word) {
				t.Errorf("%s: it does not say %q: %q", format, word, lines[1])
			}
		}
	}
}
