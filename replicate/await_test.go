package replicate_test

import (
	"os"
	"path/filepath"
	"time"

	"duet/replicate/report"
)

// until waits until a share's status is as wanted.
func (n *node) until(what string, ok func(report.Status) bool) report.Status {
	n.t.Helper()
	for end := time.Now().Add(patience); ; {
		st := n.share.Status()
		if ok(st) {
			return st
		}
		if time.Now().After(end) {
			n.t.Fatalf("%s: waited in vain for %s: %+v", n.cfg.NodeName, what, st)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// until waits until ok.
func (p *pair) until(what string, ok func() bool) {
	p.t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			for _, n := range []*node{p.a, p.b} {
				if n.share != nil {
					p.t.Logf("%s: %+v", n.cfg.NodeName, n.share.Status())
				}
			}
			p.t.Fatalf("waited in vain for %s", what)
		}
	}
}

func isState(want report.State) func(report.Status) bool {
	return func(st report.Status) bool { return st.State == want }
}

// part cuts the connection and waits until both know.
func (p *pair) part() {
	p.t.Helper()
	p.cut()
	for _, n := range []*node{p.a, p.b} {
		n.until("the cut", func(st report.Status) bool { return !st.Connected })
	}
}

// goes waits until nothing is at name any more.
func (n *node) goes(name string) {
	n.t.Helper()
	n.until(name+" to go", func(report.Status) bool { return !n.there(name) })
}

func (n *node) there(name string) bool {
	n.t.Helper()
	_, err := os.Lstat(filepath.Join(n.root, name))
	if err != nil && !os.IsNotExist(err) {
		n.t.Fatal(err)
	}
	return err == nil
}

func (n *node) wants(name, content string) {
	n.t.Helper()
	if got := n.read(name); got != content {
		n.t.Errorf("%s: %s: %q, want %q", n.cfg.NodeName, name, got, content)
	}
}

func (n *node) wantsNone(name string) {
	n.t.Helper()
	if n.there(name) {
		n.t.Errorf("%s: %s is there", n.cfg.NodeName, name)
	}
}
