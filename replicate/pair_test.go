package replicate_test

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"duet/replicate"
	"duet/replicate/link"
	"duet/replicate/link/linktest"
	"duet/replicate/report"
	"duet/store"
)

// pair is two nodes that share one tree, in one process, over a pipe.
type pair struct {
	t    testing.TB
	a, b *node
}

type node struct {
	t     testing.TB
	cfg   replicate.Config
	root  string
	share *replicate.Share
	conns chan link.Conn
	conn  link.Conn
	end   context.CancelFunc
	done  chan error
}

func newPair(t testing.TB, change func(*replicate.Config)) *pair {
	t.Helper()
	dir := t.TempDir()
	p := &pair{t: t}
	make := func(name, peer string, id, pid uint64) *node {
		root := filepath.Join(dir, name, "tree")
		if err := os.MkdirAll(root, 0o755); err != nil {
			t.Fatal(err)
		}
		cfg := replicate.Config{
			Name: "s", Path: root, NodeName: name, PeerName: peer,
			Log:  slog.New(slog.NewTextHandler(testWriter{t, name}, &slog.HandlerOptions{Level: slog.LevelDebug})),
			File: filepath.Join(dir, name, "s.db"), Version: "test",
		}
		cfg.Node, cfg.Peer = nodeID(id), nodeID(pid)
		if change != nil {
			change(&cfg)
		}
		return &node{t: t, cfg: cfg, root: root}
	}
	p.a, p.b = make("a", "b", 1, 2), make("b", "a", 2, 1)
	t.Cleanup(func() { p.a.stop(); p.b.stop() })
	return p
}

type testWriter struct {
	t    testing.TB
	name string
}

func (w testWriter) Write(b []byte) (int, error) {
	s := strings.TrimRight(string(b), "\n")
	if _, after, ok := strings.Cut(s, " level="); ok {
		s = after
	}
	w.t.Logf("%s: %s %s", w.name, time.Now().Format("05.000"), s)
	return len(b), nil
}

func (n *node) Conns() <-chan link.Conn { return n.conns }

func (n *node) start() {
	n.t.Helper()
	share, err := replicate.Open(n.cfg)
	if err != nil {
		n.t.Fatal(err)
	}
	n.share = share
	n.conns = make(chan link.Conn)
	ctx, cancel := context.WithCancel(context.Background())
	n.end, n.done = cancel, make(chan error, 1)
	go func() { n.done <- share.Run(ctx, n) }()
}

func (n *node) stop() {
	if n.share == nil {
		return
	}
	n.end()
	if err := <-n.done; err != nil {
		n.t.Errorf("%s: run: %v", n.cfg.NodeName, err)
	}
	var bad []error
	if err := n.share.View(func(tx *store.Tx) error {
		for err := range store.Check(tx, store.CheckOptions{}) {
			bad = append(bad, err)
		}
		return nil
	}); err != nil && n.share.Status().State != report.IndexError {
		n.t.Error(err)
	}
	for _, err := range bad {
		n.t.Errorf("%s: index: %v", n.cfg.NodeName, err)
	}
	if err := n.share.Close(); err != nil {
		n.t.Error(err)
	}
	n.share = nil
}

// join connects the two running nodes.
func (p *pair) join() {
	p.a.conn, p.b.conn = linktest.Pipe()
	p.a.conns <- p.a.conn
	p.b.conns <- p.b.conn
}

// cut cuts the connection.
func (p *pair) cut() {
	p.a.conn.Close()
	p.b.conn.Close()
}

func (p *pair) start() {
	p.a.start()
	p.b.start()
	p.join()
}

// settle waits until both nodes say that they are in sync, and then checks that
// the trees are the same.
func (p *pair) settle() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), max(patience, 30*time.Second))
	defer cancel()
	for {
		for _, n := range []*node{p.a, p.b} {
			if err := n.share.Flush(ctx); err != nil {
				p.t.Fatalf("%s: flush: %v\n%+v\n%+v", n.cfg.NodeName, err, p.a.share.Status(), p.b.share.Status())
			}
		}
		a, b := list(p.t, p.a.root), list(p.t, p.b.root)
		if a == b {
			return
		}
		if ctx.Err() != nil {
			p.t.Fatalf("in sync, but the trees differ:\na:\n%s\nb:\n%s", a, b)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// list is a tree in words, one line a path.
func list(t testing.TB, root string) string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		line := fmt.Sprintf("%q %v", rel, info.Mode())
		switch {
		case info.Mode().IsRegular():
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %d %q", info.ModTime().UnixNano(), b[:min(len(b), 60)])
		case info.Mode()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line += " -> " + to
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		return err.Error()
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

func (n *node) write(name, content string) {
	n.t.Helper()
	path := filepath.Join(n.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		n.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		n.t.Fatal(err)
	}
}

// many writes files, prefix0 and so on.
func (n *node) many(prefix string, files int) {
	n.t.Helper()
	for i := range files {
		n.write(fmt.Sprint(prefix, i), "x")
	}
}

func (n *node) remove(name string) {
	n.t.Helper()
	if err := os.RemoveAll(filepath.Join(n.root, name)); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) read(name string) string {
	b, err := os.ReadFile(filepath.Join(n.root, name))
	if err != nil {
		return err.Error()
	}
	return string(b)
}
