package rig

import (
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Pair is two nodes that know each other.
type Pair struct {
	A, B *Node
	t    testing.TB
	opts Options
}

// NewPair makes two nodes with keys, configurations and empty roots. It starts
// nothing; what the test leaves running is killed when it ends.
func NewPair(t testing.TB, o Options) *Pair {
	t.Helper()
	if len(o.Shares) == 0 {
		o.Shares = []string{"data"}
	}
	dir := Dir(t)
	p := &Pair{t: t, opts: o}
	for side, name := range o.Names {
		if name == "" {
			name = [2]string{"a", "b"}[side]
		}
		n := &Node{Name: name, Dir: filepath.Join(dir, name), Shares: o.Shares, Wrap: o.Wrap[side], User: o.User, t: t, binary: Binary(t)}
		n.State = filepath.Join(n.Dir, "state")
		n.Config = filepath.Join(n.Dir, "duet.yaml")
		n.Log = filepath.Join(n.Dir, "log")
		host := o.Hosts[side]
		if host == "" {
			host = "127.0.0.1"
		}
		if side == 0 || o.Both {
			n.Listen = net.JoinHostPort(host, freePort(t))
		}
		for _, share := range n.Shares {
			mkdirs(t, n.Root(share))
		}
		n.give(n.Dir)
		n.makeKey(t)
		if side == 0 {
			p.A = n
		} else {
			p.B = n
		}
		t.Cleanup(func() {
			if n.Running() {
				n.Kill()
			}
			n.checkLog()
		})
	}
	p.Configure(o)
	return p
}

// Configure writes both configurations anew.
func (p *Pair) Configure(o Options) {
	p.t.Helper()
	if len(o.Shares) == 0 {
		o.Shares = p.opts.Shares
	}
	p.A.writeConfig(p.t, o, 0, p.B)
	p.B.writeConfig(p.t, o, 1, p.A)
}

// Start starts both daemons.
func (p *Pair) Start() {
	p.t.Helper()
	p.A.Start()
	p.B.Start()
}

// Stop ends both daemons in an orderly way.
func (p *Pair) Stop() {
	p.t.Helper()
	p.A.Stop()
	p.B.Stop()
}

// Nodes returns both.
func (p *Pair) Nodes() [2]*Node { return [2]*Node{p.A, p.B} }

// makeKey lets `duet init` make n's key, as a person would, and asks `duet
// key` for the public half.
func (n *Node) makeKey(t testing.TB) {
	t.Helper()
	args := []string{"--config", n.Config, "--state", n.State, "init", "--node", n.Name}
	if n.Listen != "" {
		args = append(args, "--listen", n.Listen)
	}
	for _, share := range n.Shares {
		args = append(args, "--share", share+"="+n.Root(share))
	}
	if _, errs, code := n.Command(args...); code != 0 {
		t.Fatalf("duet %s: exit code %d\n%s", strings.Join(args, " "), code, errs)
	}
	key, errs, code := n.Duet("key")
	n.Key = strings.TrimSpace(key)
	if code != 0 || !strings.HasPrefix(n.Key, "ssh-ed25519 ") || strings.Contains(n.Key, "\n") {
		t.Fatalf("duet key: exit code %d, printed %q\n%s", code, key, errs)
	}
}

// give hands a path that the test made to the user that runs the daemon.
func (n *Node) give(path string) {
	n.t.Helper()
	if n.User == nil {
		return
	}
	err := filepath.WalkDir(path, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(n.User.UID), int(n.User.GID))
	})
	if err != nil {
		n.t.Fatal(err)
	}
}

var portsGiven sync.Map

// freePort returns a port that nobody listens on just now, below those that
// the kernel gives to outgoing connections, which could be in the way later.
func freePort(t testing.TB) string {
	t.Helper()
	for range 1000 {
		port := strconv.Itoa(15000 + rand.IntN(15000))
		if _, given := portsGiven.LoadOrStore(port, true); given {
			continue
		}
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			must(t, l.Close())
			return port
		}
	}
	t.Fatal("no free port")
	return ""
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mkdirs(t testing.TB, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
