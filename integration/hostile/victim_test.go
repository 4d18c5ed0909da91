package hostile

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"duet/replicate"
	"duet/replicate/link"
	"duet/replicate/report"
	"duet/store"
	"duet/store/index"
)

const patience = 20 * time.Second

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until waits for what no event tells.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// logbook keeps what a node logs.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logbook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logbook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// grep returns the lines that have word in them.
func (b *logbook) grep(word string) string {
	var out []string
	for line := range strings.SplitSeq(b.String(), "\n") {
		if strings.Contains(line, word) {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

// victim is a node with two shares; the peer misbehaves on the one named bad.
type victim struct {
	t         testing.TB
	dir       string // holds the nodes' folders, and canaries
	log       *logbook
	addr      string
	bad, good *replicate.Share
	end       context.CancelFunc
	running   sync.WaitGroup
}

// root is where the victim has a share; a holding area is beside it.
func (v *victim) root(share string) string { return filepath.Join(v.dir, "victim", share, "tree") }

func (v *victim) at(name string) string { return filepath.Join(v.root("bad"), name) }

func nodeKey(dir, name string) (*link.Key, error) {
	return link.LoadOrCreateKey(filepath.Join(dir, name+".key"), name)
}

// configFor is what node name has of a share, with the node peer.
func configFor(dir, share, name, peer string, log io.Writer) (replicate.Config, *link.Key, *link.Key, error) {
	mine, err := nodeKey(dir, name)
	if err != nil {
		return replicate.Config{}, nil, nil, err
	}
	theirs, err := nodeKey(dir, peer)
	if err != nil {
		return replicate.Config{}, nil, nil, err
	}
	root := filepath.Join(dir, name, share, "tree")
	cfg := replicate.Config{
		Name: share, Path: root, NodeName: name, PeerName: peer,
		Node: link.NodeID(mine.Public()), Peer: link.NodeID(theirs.Public()),
		File: filepath.Join(dir, name, share, "index.db"), Version: "test", Rescan: -1,
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelInfo})),
	}
	return cfg, mine, theirs, os.MkdirAll(root, 0o755)
}

// listen opens the victim's shares and serves them until ctx ends.
func listen(ctx context.Context, dir string, log io.Writer, change func(*replicate.Config)) (v *victim, err error) {
	v = &victim{dir: dir}
	var hub *link.Hub
	for _, p := range []**replicate.Share{&v.bad, &v.good} {
		name := map[bool]string{true: "bad", false: "good"}[p == &v.bad]
		cfg, mine, theirs, err := configFor(dir, name, "victim", "mallory", log)
		if err != nil {
			return nil, err
		}
		if change != nil && name == "bad" {
			change(&cfg)
		}
		if *p, err = replicate.Open(cfg); err != nil {
			return nil, err
		}
		if hub == nil {
			if hub, err = link.NewHub(link.Options{Key: mine, Peer: theirs.Public(), PeerName: "mallory", Listen: "127.0.0.1:0", Log: cfg.Log}); err != nil {
				return nil, err
			}
		}
		endpoint, share := hub.Endpoint(name), *p
		v.running.Go(func() { share.Run(ctx, endpoint) })
	}
	v.running.Go(func() { hub.Run(ctx) })
	v.addr = hub.Addr().String()
	return v, nil
}

// newVictim starts a victim whose bad share has some files, in a place with
// canaries.
func newVictim(t testing.TB, change func(*replicate.Config)) *victim {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
	}
	for _, name := range []string{"canary/a", "canary/deep/b", "victim/canary", "victim/bad/canary"} {
		write(name, "tweet")
	}
	for _, name := range []string{"plain", "d/one", "d/two", "d/e/three", "held.tmp", "sub/held.tmp"} {
		write("victim/bad/tree/"+name, "the victim's own "+name)
	}
	must(t, os.Symlink(filepath.Join(dir, "canary"), filepath.Join(dir, "victim/bad/tree/out")))
	must(t, os.Symlink("../../../../canary", filepath.Join(dir, "victim/bad/tree/d/up")))
	log := &logbook{}
	ctx, cancel := context.WithCancel(context.Background())
	v, err := listen(ctx, dir, log, change)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	v.t, v.log, v.end = t, log, cancel
	t.Cleanup(v.stop)
	until(t, "the first scan", func() bool { return v.bad.Status().State == report.Disconnected })
	return v
}

// stop ends the victim in an orderly way and checks what it leaves.
func (v *victim) stop() {
	v.end()
	v.running.Wait()
	for _, s := range []*replicate.Share{v.bad, v.good} {
		checkIndex(v.t, s)
		if err := s.Close(); err != nil {
			v.t.Error(err)
		}
	}
	if v.t.Failed() {
		log := v.log.String()
		v.t.Logf("the victim's log:\n%s", log[max(0, len(log)-8000):])
	}
}

func checkIndex(t testing.TB, s *replicate.Share) {
	t.Helper()
	err := s.View(func(tx *store.Tx) error {
		for err := range store.Check(tx, store.CheckOptions{}) {
			t.Errorf("index of %s: %v", s.Name(), err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// record is what the victim knows of a path; nil for nothing.
func (v *victim) record(name string) *index.Record {
	v.t.Helper()
	var r *index.Record
	must(v.t, v.bad.View(func(tx *store.Tx) (err error) {
		r, err = tx.Get(index.Path(name))
		return err
	}))
	return r
}

// read returns what the victim has at a path, "" if that is no file.
func (v *victim) read(name string) string {
	b, _ := os.ReadFile(v.at(name))
	return string(b)
}

// surroundings is everything that a peer must not be able to change, in words:
// all but what is in the roots, the holding areas and the indexes.
func surroundings(t testing.TB, dir string) string {
	t.Helper()
	var lines []string
	must(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if base := d.Name(); base == "tree" || strings.HasPrefix(base, ".duet") || base == "mallory" {
			return fs.SkipDir
		}
		info, err := d.Info()
		if err != nil || strings.HasSuffix(name, ".db") {
			return err
		}
		line := fmt.Sprintf("%s %v", name, info.Mode())
		if strings.Contains(name, "canary") { // the others have indexes and holding areas come and go in them
			line += fmt.Sprint(" ", info.ModTime().UnixNano())
		}
		if info.Mode().IsRegular() {
			b, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %q", b)
		}
		lines = append(lines, line)
		return nil
	}))
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}
