package sim

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// Trace is the story of a run: who did what, when.
type Trace struct {
	// Turns says that it is told, too, when goroutines of the nodes wake up: to
	// find out why one seed has two stories.
	Turns bool

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
	kind kind
}

// kind is what sort of thing a line tells.
type kind uint8

const (
	passed kind = iota // an operation through a door
	told               // what users, the weather and the world do
	failed             // an operation that was made to fail
	logged             // what a node says
	chatty             // the same, and hardly worth it
)

func (l line) String() string {
	s := fmt.Sprintf("%12.6f %-6s %s", l.at.Seconds(), l.who, l.what)
	if l.path != "" {
		s += " " + l.path
	}
	if l.err != nil {
		s += ": " + l.err.Error()
	}
	return s
}

// since is a time of day as it stands before each line.
func (t *Trace) since(ns int64) float64 { return time.Unix(0, ns).Sub(t.start).Seconds() }

func (t *Trace) add(who, what, path string, err error) {
	t.put(line{who: who, what: what, path: path, err: err})
}

func (t *Trace) fail(who, what, path string, err error) {
	t.put(line{kind: failed, who: who, what: "*** " + what, path: path, err: err})
}

func (t *Trace) put(l line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l.at = time.Since(t.start)
	t.lines = append(t.lines, l)
}

func (t *Trace) say(who, format string, args ...any) {
	t.put(line{kind: told, who: who, what: fmt.Sprintf(format, args...)})
}

// Len counts the lines.
func (t *Trace) Len() int { return len(t.lines) }

// Deeds are the lines without what nodes say in their logs or fail to do after
// a crash, in an order that
// does not depend on which processor was first where several things happen in
// the same instant of virtual time.
func (t *Trace) Deeds() []string {
	lines := slices.DeleteFunc(slices.Clone(t.lines), func(l line) bool { return l.kind >= logged || errors.Is(l.err, errCrashed) })
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = l.String()
	}
	slices.Sort(out)
	return out
}

// Sum is a number that two different stories hardly share.
func (t *Trace) Sum() uint64 {
	h := fnv.New64a()
	for _, l := range t.Deeds() {
		io.WriteString(h, l)
		h.Write([]byte{'\n'})
	}
	return h.Sum64()
}

// WriteTo writes the story: who did what when, what broke, and what the nodes
// said of it.
func (t *Trace) WriteTo(w io.Writer) (int64, error) {
	return t.write(w, func(k kind) bool { return k == told || k == failed || k == logged })
}

// WriteAll writes it with every operation through a door.
func (t *Trace) WriteAll(w io.Writer) (int64, error) {
	return t.write(w, func(kind) bool { return true })
}

func (t *Trace) write(w io.Writer, which func(kind) bool) (n int64, err error) {
	for _, l := range t.lines {
		if !which(l.kind) || errors.Is(l.err, errCrashed) && l.kind < logged {
			continue
		}
		k, err := fmt.Fprintln(w, l)
		n += int64(k)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// listener makes lines of the story from what a node logs.
type listener struct{ life *life }

func (h listener) Enabled(context.Context, slog.Level) bool { return true }

func (h listener) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%v: %s", r.Level, r.Message)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "stack" {
			fmt.Fprintf(&b, " %s=%v", a.Key, a.Value)
		}
		return true
	})
	w, who := h.life.n.w, h.life.n.name
	k := logged
	if r.Level < slog.LevelInfo || h.life.dead.Load() {
		k = chatty
	}
	w.Trace.put(line{kind: k, who: who, what: b.String()})
	forgot := w.counts.forgot.Load() > 0
	switch r.Message {
	case "histories do not fit", "cannot sync with peer":
		if forgot {
			return nil
		}
		fallthrough
	case "internal error", "peer said something impossible":
		stack := ""
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "stack" {
				stack = "\n" + a.Value.String()
			}
			return true
		})
		w.fault("%s: %s%s", who, b.String(), stack)
	}
	return nil
}

func (h listener) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h listener) WithGroup(string) slog.Handler      { return h }
