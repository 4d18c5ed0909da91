package sim

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Trace is the story of a run: who did what, when.
type Trace struct {
	mu    sync.Mutex
	start time.Time
	lines []line
}

type line struct {
	at   time.Duration
	who  string
	what string
	path string
	err  error
}

func (l line) String() string {
	s := fmt.Sprintf("%12.6f %-5s %s", l.at.Seconds(), l.who, l.what)
	if l.path != "" {
		s += " " + l.path
	}
	if l.err != nil {
		s += ": " + l.err.Error()
	}
	return s
}

func (t *Trace) add(who, what, path string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, line{time.Since(t.start), who, what, path, err})
}

func (t *Trace) say(who, format string, args ...any) {
	t.add(who, fmt.Sprintf(format, args...), "", nil)
}

// Len counts the lines.
func (t *Trace) Len() int { return len(t.lines) }

// Sum is a number that two different stories hardly share.
func (t *Trace) Sum() uint64 {
	h := fnv.New64a()
	for _, l := range t.lines {
		io.WriteString(h, l.String())
		h.Write([]byte{'\n'})
	}
	return h.Sum64()
}

// WriteTo writes the story.
func (t *Trace) WriteTo(w io.Writer) (n int64, err error) {
	for _, l := range t.lines {
		k, err := fmt.Fprintln(w, l)
		n += int64(k)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// logged makes lines of the story from what a node logs.
type logged struct {
	w    *World
	who  string
	with string
}

func (h logged) Enabled(context.Context, slog.Level) bool { return true }

func (h logged) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%v: %s", r.Level, r.Message)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "stack" {
			fmt.Fprintf(&b, " %s=%v", a.Key, a.Value)
		}
		return true
	})
	h.w.Trace.add(h.who, b.String(), "", nil)
	switch r.Message {
	case "internal error", "peer said something impossible", "histories do not fit", "cannot sync with peer":
		stack := ""
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "stack" {
				stack = "\n" + a.Value.String()
			}
			return true
		})
		h.w.fault("%s: %s%s", h.who, b.String(), stack)
	}
	return nil
}

func (h logged) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h logged) WithGroup(string) slog.Handler      { return h }
