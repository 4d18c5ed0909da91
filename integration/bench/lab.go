package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// lab is two hosts that can reach each other, and nothing else, each with a
// real sshd.
type lab struct {
	dir   string
	a, b  *host
	delay time.Duration // one way
	duet  string        // the binary
	links []*longLink
}

func newLab(dir, binary string) (*lab, error) {
	l := &lab{dir: dir, duet: binary}
	var err error
	if l.a, err = newHost("a", "10.232.0.1", dir); err != nil {
		return l, err
	}
	if l.b, err = newHost("b", "10.232.0.2", dir); err != nil {
		return l, err
	}
	err = run("ip", "link", "add", "eth", "netns", l.a.space, "type", "veth", "peer", "name", "eth", "netns", l.b.space)
	for _, h := range l.hosts() {
		if err == nil {
			err = run("ip", "-n", h.space, "addr", "add", h.addr+"/24", "dev", "eth")
		}
		if err == nil {
			err = run("ip", "-n", h.space, "link", "set", "eth", "up")
		}
	}
	if err != nil {
		return l, err
	}
	return l, errors.Join(l.makeKey(), l.startSSHD(l.a), l.startSSHD(l.b), l.writeSSHConfig())
}

func (l *lab) hosts() []*host {
	var out []*host
	for _, h := range []*host{l.a, l.b} {
		if h != nil {
			out = append(out, h)
		}
	}
	return out
}

// makeKey makes one key pair for all: it is the hosts' and the users'.
func (l *lab) makeKey() error {
	key := filepath.Join(l.dir, "key")
	if err := run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key); err != nil {
		return err
	}
	public, err := os.ReadFile(key + ".pub")
	if err != nil {
		return err
	}
	known := "* " + string(public)
	return errors.Join(os.WriteFile(filepath.Join(l.dir, "authorized"), public, 0o600),
		os.WriteFile(filepath.Join(l.dir, "known"), []byte(known), 0o600))
}

func (l *lab) startSSHD(h *host) error {
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		return err
	}
	conf := filepath.Join(h.dir, "sshd_config")
	text := fmt.Sprintf("Port 22\nListenAddress %s\nHostKey %s/key\nAuthorizedKeysFile %s/authorized\nStrictModes no\n"+
		"PermitRootLogin yes\nUsePAM no\nPidFile none\nMaxStartups 100\n", h.addr, l.dir, l.dir)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return err
	}
	cmd := h.command(context.Background(), "/usr/sbin/sshd", "-D", "-e", "-f", conf)
	log, err := os.Create(filepath.Join(h.dir, "sshd.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := h.start(cmd); err != nil {
		return err
	}
	go cmd.Wait() //nolint:errcheck // it is killed with the host
	for range 100 {
		if c, err := h.dial(h.addr + ":22"); err == nil {
			return c.Close()
		}
		pause(20)
	}
	return fmt.Errorf("sshd on %s does not come up: see %s", h.name, log.Name())
}

// writeSSHConfig writes what `ssh a` and `ssh b` mean: through the delaying
// links, if there are any.
func (l *lab) writeSSHConfig() error {
	var text strings.Builder
	for _, h := range l.hosts() {
		host, port, _ := strings.Cut(l.reach(h, 22), ":")
		fmt.Fprintf(&text, "Host %s\n  HostName %s\n  Port %s\n", h.name, host, port)
	}
	fmt.Fprintf(&text, "Host *\n  User root\n  IdentityFile %s/key\n  UserKnownHostsFile %s/known\n  StrictHostKeyChecking no\n  LogLevel ERROR\n", l.dir, l.dir)
	return os.WriteFile(l.sshConfig(), []byte(text.String()), 0o600)
}

func (l *lab) sshConfig() string { return filepath.Join(l.dir, "ssh_config") }

func (l *lab) ssh(more ...string) []string {
	return append([]string{"ssh", "-F", l.sshConfig()}, more...)
}

// Ports that are delayed when the link is long.
var ports = []int{22, 7722, 22000}

// reach is the address under which the other host reaches h.
func (l *lab) reach(h *host, port int) string {
	if l.delay > 0 {
		return fmt.Sprintf("%s:%d", l.other(h).addr, 10000+port)
	}
	return fmt.Sprintf("%s:%d", h.addr, port)
}

func (l *lab) other(h *host) *host {
	if h == l.a {
		return l.b
	}
	return l.a
}

// lengthen makes every connection from now on as slow to answer as one over a
// long line.
func (l *lab) lengthen(roundTrip time.Duration) error {
	l.direct()
	l.delay = roundTrip / 2
	if l.delay == 0 {
		return l.writeSSHConfig()
	}
	for _, h := range l.hosts() {
		for _, port := range ports {
			link, err := newLongLink(l.other(h), l.reach(h, port), fmt.Sprintf("%s:%d", h.addr, port), l.delay)
			if err != nil {
				return err
			}
			l.links = append(l.links, link)
		}
	}
	return l.writeSSHConfig()
}

func (l *lab) direct() {
	for _, link := range l.links {
		link.close()
	}
	l.links, l.delay = nil, 0
}

// root is the tree of a host.
func (l *lab) root(h *host) string { return filepath.Join(h.dir, "files", "root") }

// clear gives both hosts empty trees, and their tools no memory of anything.
func (l *lab) clear() error {
	for _, h := range l.hosts() {
		for _, dir := range []string{filepath.Join(h.dir, "files"), filepath.Join(h.dir, "state"), filepath.Join(h.dir, "unison")} {
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
		}
		if err := os.MkdirAll(l.root(h), 0o755); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(h.dir, "state"), 0o700); err != nil {
			return err
		}
	}
	return nil
}
