package main

import (
	"log/slog"
	"strings"
	"unicode/utf8"
)

// maxLogged is how many bytes one value may have in the log. A path may have
// four thousand, an error several of them, and whoever makes such paths on the
// other host makes many.
const maxLogged = 600

// clipped shortens values of log lines: what is left out is in the middle, as a
// path tells by its ends which it is, and an error by its end what went wrong.
func clipped(_ []string, a slog.Attr) slog.Attr {
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(clip(a.Value.String()))
	case slog.KindAny:
		if s := a.Value.String(); len(s) > maxLogged {
			a.Value = slog.StringValue(clip(s))
		}
	}
	return a
}

func clip(s string) string {
	if len(s) <= maxLogged {
		return s
	}
	head, tail := s[:maxLogged/2], s[len(s)-maxLogged/2:]
	for len(head) > 0 && !utf8.RuneStart(s[len(head)]) {
		head = head[:len(head)-1]
	}
	tail = strings.TrimLeftFunc(tail, func(r rune) bool { return r == utf8.RuneError })
	return head + " […] " + tail
}
