package inspect

import (
	"fmt"
	"strings"

	"duet/recovery/verify"
	"duet/replicate/checkup"
	"duet/replicate/report"
)

// Found is a row of verify: a path that is not as its node's index says.
type Found struct {
	Share    string `json:"share"`
	Node     string `json:"node"`
	Path     string `json:"path"`
	What     string `json:"what"` // missed, corrupt, unreadable, failed
	Detail   string `json:"detail"`
	Repaired string `json:"repaired,omitempty"` // where the good content came from
	Trouble  string `json:"trouble,omitempty"`  // why it could not be repaired
}

// NewFound is the row for a finding.
func NewFound(share, node string, f checkup.Finding) Found {
	return Found{Share: share, Node: node, Path: f.Path.String(), What: string(f.What), Detail: f.Detail, Repaired: f.Repaired, Trouble: f.Trouble}
}

// Verifying is a row of verify: how far a node is.
type Verifying struct {
	Share    string           `json:"share"`
	Node     string           `json:"node"`
	Progress report.Verifying `json:"progress"`
}

// Verification is the last row of verify.
type Verification struct {
	Share        string           `json:"share"`
	Done         bool             `json:"done"` // true: nothing is missing
	Node         string           `json:"node"`
	Here         *report.Verified `json:"here"`
	Peer         *PeerVerified    `json:"peer,omitempty"`          // if contents were read there
	PeerError    string           `json:"peer_error,omitempty"`    // why they were not
	Compared     *Compared        `json:"compared,omitempty"`      // both indexes
	CompareError string           `json:"compare_error,omitempty"` // why they were not
	Apart        bool             `json:"apart,omitempty"`         // the peer is not connected
	Mended       int64            `json:"mended,omitempty"`        // paths of the indexes that had drifted
}

// PeerVerified is what the peer says of its tree.
type PeerVerified struct {
	Node       string `json:"node"`
	Paths      int64  `json:"paths"`
	Files      int64  `json:"files"`
	Bytes      int64  `json:"bytes"`
	Busy       int64  `json:"busy"`
	Missed     int64  `json:"missed"`
	Corrupt    int64  `json:"corrupt"`
	Unreadable int64  `json:"unreadable"`
	Failed     int64  `json:"failed"`
	Repaired   int64  `json:"repaired"`
}

// NewPeerVerified is what the peer said.
func NewPeerVerified(node string, t *checkup.Totals, repaired int64) *PeerVerified {
	if t == nil {
		return nil
	}
	return &PeerVerified{
		Node: node, Paths: t.Paths, Files: t.Files, Bytes: t.Bytes, Busy: t.Busy, Missed: t.Found[verify.Missed],
		Corrupt: t.Found[verify.Corrupt], Unreadable: t.Found[verify.Unreadable], Failed: t.Found[verify.Failed], Repaired: repaired,
	}
}

// Bad is how much is not as it should be, and was not put right.
func (v *Verification) Bad() int64 {
	n := v.Here.Missed + v.Here.Failed + v.Here.Bad() + max(0, v.Here.Drift-v.Mended)
	if p := v.Peer; p != nil {
		n += p.Missed + p.Failed + max(0, p.Corrupt+p.Unreadable-p.Repaired)
	}
	return n
}

// Text is the row in one line.
func (f Found) Text(s Style) string {
	line := fmt.Sprintf("%-10s %s: %s  %s", f.What, f.Node, s.path(f.Share, f.Path), f.Detail)
	switch {
	case f.Repaired != "":
		line += "; repaired from " + f.Repaired
	case f.Trouble != "":
		line += "; not repaired: " + f.Trouble
	case f.What == string(verify.Missed):
		line += "; it is taken for the edit that it is"
	}
	return line + "\n"
}

// Text is the row in a few lines.
func (v *Verification) Text() string {
	var b strings.Builder
	h := v.Here
	fmt.Fprintf(&b, "%s: %s\n", v.Share, lookText(v.Node, h.Content, h.Paths, h.Files, h.Bytes, h.Busy, h.Missed, h.Corrupt, h.Unreadable, h.Failed, h.Repaired))
	if p := v.Peer; p != nil {
		fmt.Fprintf(&b, "%s: %s\n", v.Share, lookText(p.Node, true, p.Paths, p.Files, p.Bytes, p.Busy, p.Missed, p.Corrupt, p.Unreadable, p.Failed, p.Repaired))
	}
	if v.PeerError != "" {
		fmt.Fprintf(&b, "%s: the peer's files were not verified: %s\n", v.Share, v.PeerError)
	}
	if v.Compared != nil {
		b.WriteString(v.Compared.Text())
	} else if v.CompareError != v.PeerError {
		fmt.Fprintf(&b, "%s: not compared with the peer: %s\n", v.Share, v.CompareError)
	}
	if v.Mended > 0 {
		fmt.Fprintf(&b, "%s: both nodes decide anew about %s: see 'duet index diff'\n", v.Share, report.Count(v.Mended, "path"))
	}
	return b.String()
}

func lookText(node string, content bool, paths, files, bytes, busy, missed, corrupt, unreadable, failed, repaired int64) string {
	text := fmt.Sprintf("%s: %s looked at", node, report.Count(paths, "path"))
	if content {
		text += fmt.Sprintf(", %s of %s read", report.Count(files, "file"), report.Count(bytes, "byte"))
	}
	bad := false
	for _, n := range []struct {
		n    int64
		what string
	}{{missed, "changed unnoticed"}, {corrupt, "corrupt"}, {unreadable, "unreadable"}, {failed, "could not be looked at"}, {repaired, "repaired"}} {
		if n.n > 0 {
			text += fmt.Sprintf(", %d %s", n.n, n.what)
			bad = true
		}
	}
	if !bad {
		text += ", all is well"
	}
	if busy > 0 {
		text += fmt.Sprintf("; %d in use, of which nothing can be said", busy)
	}
	return text
}
