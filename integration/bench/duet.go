package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// duetTool is Duet with its defaults: a dials, b listens.
type duetTool struct{ more []string }

func (duetTool) name() string { return "duet" }

func (duetTool) version() (string, error) { return "this tree", nil }

func (duetTool) configure(l *lab) error {
	keys := map[*host]string{}
	for _, h := range l.hosts() {
		out, err := h.run(context.Background(), l.duet, "key", "--state", filepath.Join(h.dir, "state"))
		if err != nil {
			return err
		}
		for line := range strings.Lines(out) {
			if strings.HasPrefix(line, "ssh-ed25519 ") {
				keys[h] = strings.TrimSpace(line)
			}
		}
	}
	for _, h := range l.hosts() {
		peer := l.other(h)
		var b strings.Builder
		fmt.Fprintf(&b, "node: %s\nstate: %s/state\n", h.name, h.dir)
		if h == l.b {
			fmt.Fprintf(&b, "listen: \"%s:7722\"\n", h.addr)
		}
		fmt.Fprintf(&b, "peer:\n  name: %s\n  key: %s\n", peer.name, keys[peer])
		if h == l.a {
			fmt.Fprintf(&b, "  address: %q\n", l.reach(peer, 7722))
		}
		fmt.Fprintf(&b, "shares:\n  - name: data\n    path: %s\n", l.root(h))
		if err := os.WriteFile(filepath.Join(h.dir, "duet.yaml"), []byte(b.String()), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (d duetTool) commands(l *lab) (a, b []string) {
	of := func(h *host) []string {
		return append([]string{l.duet, "--config", filepath.Join(h.dir, "duet.yaml"), "run"}, d.more...)
	}
	return of(l.a), of(l.b)
}
