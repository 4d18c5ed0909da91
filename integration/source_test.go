package integration

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"duet/integration/rig"
)

// Real input: Go's own source on one side, nothing on the other; then random
// operations on both sides while the daemons run; then on both sides while
// they are stopped. After each the trees must be equal byte for byte.
func TestGoSourceAndRandomOperations(t *testing.T) {
	p := rig.NewPair(t, rig.Options{Share: anyDeletes})
	seed := rig.Seed(t)
	files := plantSource(t, p.A)
	if want := rig.Size(500, 10_000); files < want {
		t.Fatalf("only %d files to begin with, want %d", files, want)
	}
	began := time.Now()
	p.Start()
	p.Settle(scaled(patience))
	t.Logf("%d files in sync after %v", files, time.Since(began).Round(time.Millisecond))
	if got := p.B.Tree(); len(got) < files {
		t.Fatalf("b has %d paths", len(got))
	}
	p.CheckIndexes()

	ledger := rig.NewLedger()
	a, b := rig.NewHand(t, p.A, ledger, seed), rig.NewHand(t, p.B, ledger, seed+1)
	began = time.Now()
	rig.DoBoth(t.Context(), a, b, rig.Size(75, 500), 2*time.Millisecond)
	p.Settle(scaled(patience))
	t.Logf("%d operations while running, in sync after %v", done(a, b), time.Since(began).Round(time.Millisecond))
	ledger.Check(t, p)
	p.CheckIndexes()

	before := p.A.Tree()
	p.Stop()
	for _, n := range p.Nodes() { // so that there is a conflict, whatever the seed
		write(t, n.At("both"), "by "+n.Name+"\n")
	}
	rig.DoBoth(t.Context(), a, b, rig.Size(60, 200), 0)
	o := rig.Outage{Base: before, A: p.A.Tree(), B: p.B.Tree()}
	began = time.Now()
	p.Start()
	p.Settle(scaled(patience))
	t.Logf("in sync %v after the start; %s", time.Since(began).Round(time.Millisecond), o.Summary())
	o.Check(t, p.A.Tree(), p.KeptContents())
	ledger.Check(t, p)
	p.CheckIndexes()
	p.Stop()
	p.CheckIndexes()
	t.Logf("%d contents written, none lost", ledger.Written())
}

func done(hands ...*rig.Hand) int {
	total := 0
	for _, h := range hands {
		for _, n := range h.Did {
			total += n
		}
	}
	return total
}

// scaled allows full-size trees five times as long.
func scaled(d time.Duration) time.Duration {
	if rig.Full() {
		return 5 * d
	}
	return d
}

// plantSource copies Go's source tree, or some packages of it, to n's share,
// with times and modes, and adds what that tree has none of. It returns the
// number of files.
func plantSource(t *testing.T, n *rig.Node) int {
	t.Helper()
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	must(t, err)
	src := filepath.Join(strings.TrimSpace(string(goroot)), "src")
	parts := []string{"."}
	if !rig.Full() {
		parts = []string{"bufio", "bytes", "encoding", "io", "net", "os", "path", "sort", "strings", "text"}
	}
	for _, part := range parts {
		// A link to a directory would be copied as a file by CopyFS; cp -a
		// keeps everything as it is, nanoseconds too.
		out, err := exec.Command("cp", "-a", filepath.Join(src, part), n.At()).CombinedOutput()
		if err != nil {
			t.Fatalf("cp: %v\n%s", err, out)
		}
	}
	mkdir(t, n.At("empty", "nested"))
	must(t, os.Symlink("bytes/buffer.go", n.At("link")))
	must(t, os.Symlink("/nowhere", n.At("dangling")))
	write(t, n.At("caf\xe9 \n"), "a name that is not UTF-8, and has a newline\n")
	write(t, n.At("empty file"), "")
	must(t, os.Chmod(n.At("empty file"), 0o600))
	old := time.Unix(86400, 123456789)
	must(t, os.Chtimes(n.At("empty file"), old, old))
	files := 0
	for _, item := range n.Tree() {
		if item.Kind == 'f' {
			files++
		}
	}
	return files
}

// whileRunning lets both hands work until stop is called, which waits for them.
func whileRunning(t *testing.T, a, b *rig.Hand, pause time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		rig.DoBoth(ctx, a, b, 1_000_000, pause)
	}()
	return func() { cancel(); <-finished }
}
