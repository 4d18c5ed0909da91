package rig

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Status is what `duet status --json` prints, as far as tests rely on it.
type Status struct {
	Node    string `json:"node"`
	Running bool   `json:"running"`
	Peer    struct {
		Name      string `json:"name"`
		Connected bool   `json:"connected"`
	} `json:"peer"`
	Shares []ShareStatus `json:"shares"`
	Code   int           `json:"-"` // the exit code
	Text   string        `json:"-"` // all of it
}

// ShareStatus is one share of a Status.
type ShareStatus struct {
	Name       string          `json:"name"`
	State      string          `json:"state"`
	Reason     string          `json:"reason"`
	Connected  bool            `json:"connected"`
	Files      int64           `json:"files"`
	Dirs       int64           `json:"dirs"`
	Bytes      int64           `json:"bytes"`
	PendingIn  int64           `json:"pending_in"`
	PendingOut int64           `json:"pending_out"`
	Conflicts  int64           `json:"conflicts"`
	Kept       int64           `json:"kept"`
	Skipped    int64           `json:"skipped"`
	Head       uint64          `json:"head"`
	Heard      uint64          `json:"heard"`
	Acked      uint64          `json:"acked"`
	Behind     uint64          `json:"behind"`
	Dirty      int64           `json:"dirty"`
	Progress   json.RawMessage `json:"progress"`
	Problems   []Problem       `json:"problems"`
	Outage     json.RawMessage `json:"outage"`
}

// Problem is one path that does not work.
type Problem struct {
	Path    string `json:"path"`
	Error   string `json:"error"`
	Skipped bool   `json:"skipped"` // not an error: a FIFO, say
}

// Trouble returns the problems that are errors.
func (s ShareStatus) Trouble() []Problem {
	return slices.DeleteFunc(slices.Clone(s.Problems), func(p Problem) bool { return p.Skipped })
}

// Share returns the status of one share; its name is empty if there is none.
func (s Status) Share(name string) ShareStatus {
	for _, share := range s.Shares {
		if share.Name == name {
			return share
		}
	}
	return ShareStatus{}
}

// Status asks n's daemon. The exit code of the command is not an error: it
// says how the shares are.
func (n *Node) Status() (Status, error) {
	out, errs, code := n.Duet("status", "--json")
	s := Status{Code: code, Text: out}
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		return s, fmt.Errorf("status of %s: %w (exit code %d, printed %q, %q)", n.Name, err, code, out, errs)
	}
	if !s.Running {
		return s, fmt.Errorf("%s is not running (exit code %d, printed %q)", n.Name, code, errs)
	}
	if len(s.Shares) == 0 {
		return s, fmt.Errorf("status of %s: no shares (exit code %d, printed %q, %q)", n.Name, code, out, errs)
	}
	return s, nil
}

// busy says what n's daemon is still at, "" if it is in sync and idle, and how
// far its journals have come.
func (n *Node) busy() (why, heads string) {
	s, err := n.Status()
	if err != nil {
		return err.Error(), ""
	}
	for _, name := range n.Shares {
		heads += fmt.Sprintf("%s of %s at %d, ", name, n.Name, s.Share(name).Head)
	}
	return s.busy(n.Shares), heads
}

// busy says what a daemon is still at in any of shares.
func (s Status) busy(shares []string) string {
	for _, name := range shares {
		share := s.Share(name)
		switch {
		case !share.Connected:
			return fmt.Sprintf("%s is not connected", name)
		case share.State != "watching":
			return fmt.Sprintf("%s is %q", name, share.State)
		case share.PendingIn != 0 || share.PendingOut != 0:
			return fmt.Sprintf("%s has %d to take, %d to send", name, share.PendingIn, share.PendingOut)
		case len(share.Progress) > 0 && !bytes.Equal(share.Progress, []byte("null")):
			return fmt.Sprintf("%s shows progress", name)
		case share.Dirty != 0 || share.Behind != 0 || share.Acked < share.Head:
			return fmt.Sprintf("%s has %d dirty, is %d behind, %d of %d acknowledged", name, share.Dirty, share.Behind, share.Acked, share.Head)
		case len(share.Trouble()) > 0:
			return fmt.Sprintf("%s has a problem: %+v", name, share.Trouble()[0])
		}
	}
	return ""
}

// Await waits until ok is true of the status of n's first share.
func (n *Node) Await(within time.Duration, what string, ok func(ShareStatus) bool) ShareStatus {
	n.t.Helper()
	var last Status
	var err error
	if !Until(within, func() bool {
		last, err = n.Status()
		return err == nil && ok(last.Share(n.Shares[0]))
	}) {
		n.t.Fatalf("%s: not %s within %v (%v)\n%s\n%s", n.Name, what, within, err, last.Text, n.LogTail(30))
	}
	return last.Share(n.Shares[0])
}

// AwaitState waits until the first share's state is one of states.
func (n *Node) AwaitState(within time.Duration, states ...string) ShareStatus {
	n.t.Helper()
	return n.Await(within, strings.Join(states, " or "), func(s ShareStatus) bool {
		for _, want := range states {
			if s.State == want {
				return true
			}
		}
		return false
	})
}

// Settle waits until both daemons say that they are in sync and idle and all
// trees are equal, which they must become by the deadline.
func (p *Pair) Settle(within time.Duration) {
	p.t.Helper()
	var why string
	ok := Until(within, func() bool {
		var before, after string
		if before, why = p.busy(); why != "" {
			return false
		}
		if why = p.differences(20); why != "" {
			return false
		}
		// A daemon that says that it is idle may not have noticed yet what was
		// done a moment ago, and have done so while the other one was asked. It
		// says so when it is asked again, now that the trees are equal.
		if after, why = p.busy(); why == "" && after != before {
			why = "it goes on: " + before + "then " + after
		}
		return why == ""
	})
	if !ok {
		p.t.Fatalf("not in sync within %v: %s\n%s", within, why, p.dump())
	}
}

// busy says what the daemons are still at, "" if both are in sync and idle, and
// how far their journals have come.
func (p *Pair) busy() (heads, why string) {
	p.t.Helper()
	for _, n := range p.Nodes() {
		if !n.Running() {
			p.t.Fatalf("%s is not running\n%s", n.Name, n.LogTail(200))
		}
		why, at := n.busy()
		if why != "" {
			return "", n.Name + ": " + why
		}
		heads += at
	}
	return heads, ""
}

// Story is what both daemons say of themselves, and what their journals say was
// done lately, for the report of a failure.
func (p *Pair) Story() string {
	var b strings.Builder
	for _, n := range p.Nodes() {
		s, err := n.Status()
		fmt.Fprintf(&b, "%s says: %v\n%s\n%s", n.Name, err, s.Text, n.LogTail(60))
		out, errs, _ := n.Duet("log", "--lines", "60")
		fmt.Fprintf(&b, "%s: duet log\n%s%s", n.Name, out, errs)
	}
	return b.String()
}

func (p *Pair) dump() string {
	var b strings.Builder
	fmt.Fprintf(&b, "differences: %s\n%s", p.differences(20), p.Story())
	for _, path := range p.differing(3) {
		for _, n := range p.Nodes() {
			out, errs, _ := n.Duet("index", "show", path)
			fmt.Fprintf(&b, "%s: index show %q\n%s%s", n.Name, path, out, errs)
		}
	}
	return b.String()
}
