package sim

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Act is one thing that a user or the weather does. A run takes its acts down,
// and can be given them in place of drawn ones: some left out, to find out which
// of them matter, or all of them, when what is drawn has changed since.
type Act struct {
	At   Span   `json:"at"`  // since the beginning
	Who  string `json:"who"` // a or b, or net
	Do   string `json:"do"`
	Path string `json:"path,omitempty"`
	To   string `json:"to,omitempty"`
	Text text   `json:"text,omitempty"` // a content, or what a symlink says
	N    int64  `json:"n,omitempty"`    // a mode, a time in ns, or which open file
}

// What there is to do.
const (
	doWrite  = "write"
	doAppend = "append"
	doMkdir  = "mkdir"
	doLink   = "link"
	doRename = "rename"
	doRemove = "remove"
	doChmod  = "chmod"
	doTouch  = "touch"
	doFsync  = "fsync"
	doOpen   = "open" // for writing, as file N
	doMore   = "more"
	doClose  = "close"

	doPower = "power" // fails
	doKill  = "kill"
	doStop  = "stop"
	doClock = "clock" // steps by N
	doRule  = "rule"  // a person settles all conflicts with side Text
	doUndo  = "undo"  // and takes that back
	doCut   = "cut"   // what end Text sends is lost; To: it goes unnoticed; no connection for N
)

// weather says whether no user did it.
func (a Act) weather() bool {
	switch a.Do {
	case doPower, doKill, doStop, doClock, doCut, doRule, doUndo:
		return true
	}
	return false
}

func (a Act) String() string {
	switch a.Do {
	case doWrite:
		return fmt.Sprintf("writes %s: %s", a.Path, short(string(a.Text)))
	case doAppend:
		return fmt.Sprintf("appends to %s: %s", a.Path, short(string(a.Text)))
	case doMkdir:
		return "makes directory " + a.Path
	case doLink:
		return fmt.Sprintf("makes symlink %s to %s", a.Path, string(a.Text))
	case doRename:
		return fmt.Sprintf("renames %s to %s", a.Path, a.To)
	case doRemove:
		return "removes " + a.Path
	case doChmod:
		return fmt.Sprintf("changes mode of %s to %04o", a.Path, a.N)
	case doTouch:
		return fmt.Sprintf("sets time of %s to %s", a.Path, time.Unix(0, a.N).UTC().Format("2006-01-02 15:04:05.999999999"))
	case doFsync:
		return "fsyncs " + a.Path
	case doOpen:
		return fmt.Sprintf("opens %s for writing, as %d", a.Path, a.N)
	case doMore:
		return fmt.Sprintf("writes on to open file %d: %s", a.N, short(string(a.Text)))
	case doClose:
		return fmt.Sprintf("closes open file %d", a.N)
	case doPower:
		return "*** power failure"
	case doKill:
		return "*** kill -9"
	case doStop:
		return "*** a person stops the daemon"
	case doClock:
		return fmt.Sprintf("*** its clock steps by %v", time.Duration(a.N))
	case doRule:
		return fmt.Sprintf("*** a person settles all conflicts with %q", string(a.Text))
	case doUndo:
		return "*** a person takes back what was settled last"
	case doCut:
		noticed := ""
		if a.To != "" {
			noticed = ", unnoticed"
		}
		return fmt.Sprintf("*** cut of what is sent by %s, for %v%s", string(a.Text), time.Duration(a.N), noticed)
	}
	return a.Do
}

// Span is a time.Duration that people can read in a file.
type Span time.Duration

// MarshalText writes it as 1.5s.
func (s Span) MarshalText() ([]byte, error) { return []byte(time.Duration(s).String()), nil }

// UnmarshalText reads it.
func (s *Span) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	*s = Span(d)
	return err
}

// text is a content in which long runs of one letter are written short: {x*300}.
type text string

var shortened = regexp.MustCompile(`\{(.)\*(\d+)\}`)

// MarshalText writes it short.
func (t text) MarshalText() ([]byte, error) {
	var b strings.Builder
	for i := 0; i < len(t); {
		n := 1
		for i+n < len(t) && t[i+n] == t[i] {
			n++
		}
		if n > 20 {
			fmt.Fprintf(&b, "{%c*%d}", t[i], n)
		} else {
			b.WriteString(string(t[i : i+n]))
		}
		i += n
	}
	return []byte(b.String()), nil
}

// UnmarshalText reads it.
func (t *text) UnmarshalText(b []byte) error {
	*t = text(shortened.ReplaceAllStringFunc(string(b), func(s string) string {
		m := shortened.FindStringSubmatch(s)
		n, _ := strconv.Atoi(m[2])
		return strings.Repeat(m[1], min(n, 1<<20))
	}))
	return nil
}
