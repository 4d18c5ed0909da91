package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"duet/integration/rig"
)

// A thousand conflicts are settled in bulk, and one of the daemons is killed in
// the middle of it. What was done is done; the same command again does the rest,
// both hosts agree, and all of it can be taken back.
func TestKilledWhileResolving(t *testing.T) {
	n := rig.Size(300, 1000)
	for name, victim := range map[string]func(p *rig.Pair) *rig.Node{
		"the daemon that resolves": func(p *rig.Pair) *rig.Node { return p.A },
		"the other one":            func(p *rig.Pair) *rig.Node { return p.B },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := rig.NewPair(t, rig.Options{})
			for i := range n {
				file := filepath.Join(fmt.Sprintf("d%d", i%7), fmt.Sprintf("f%d", i))
				for side, node := range p.Nodes() {
					must(t, os.MkdirAll(filepath.Dir(node.At(file)), 0o755))
					write(t, node.At(file), strings.Repeat("newer", side)+" from "+node.Name)
					when := time.Unix(1_700_000_000+int64(side)*100, 0)
					must(t, os.Chtimes(node.At(file), when, when))
				}
			}
			p.Start()
			p.Settle(patience)
			open := func(want int64) {
				t.Helper()
				for _, node := range p.Nodes() {
					node.Await(patience, fmt.Sprint(want, " conflicts"), func(s rig.ShareStatus) bool { return s.Conflicts == want })
				}
			}
			open(int64(n))

			done := make(chan string)
			go func() {
				out, errs, code := p.A.Duet("conflicts", "resolve", "--take", "a", "--path", "**")
				done <- fmt.Sprintf("exit %d: %s%s", code, tailOf(out), tailOf(errs))
			}()
			// Some of them are done; how many is left to chance.
			began := rig.Until(patience, func() bool {
				s, err := p.A.Status()
				return err == nil && s.Share("data").Conflicts < int64(n)
			})
			victim(p).Kill()
			t.Logf("in the middle of it: %v; %s", began, <-done)
			victim(p).Start()
			p.Settle(patience)
			p.CheckIndexes()

			// The same again, until there is nothing left to do.
			for i := 0; ; i++ {
				out, errs, code := p.A.Duet("conflicts", "resolve", "--take", "a", "--path", "**")
				if code != 0 || i == 5 {
					t.Fatalf("again: exit code %d\n%s%s", code, tailOf(out), errs)
				}
				p.Settle(patience)
				if strings.Contains(out, "no conflict there is open") {
					break
				}
			}
			open(0)
			all(t, p, " from a")
			p.CheckIndexes()

			// Each order is taken back, the last one first.
			for i := 0; ; i++ {
				out, errs, code := p.A.Duet("conflicts", "undo", "--last")
				if strings.Contains(errs, "nothing is remembered") {
					break
				}
				if code != 0 || i == 5 {
					t.Fatalf("undo: exit code %d\n%s%s", code, tailOf(out), errs)
				}
				p.Settle(patience)
			}
			open(int64(n))
			all(t, p, "newer from b")
			p.CheckIndexes()
		})
	}
}

// all makes sure that every file on both hosts has that content.
func all(t *testing.T, p *rig.Pair, content string) {
	t.Helper()
	for _, node := range p.Nodes() {
		for path, item := range node.Tree() {
			if item.Kind == 'f' && read(t, node.At(path)) != content {
				t.Fatalf("%s: %s is %q, want %q", node.Name, path, read(t, node.At(path)), content)
			}
		}
	}
}

// tailOf is the last line of what was printed.
func tailOf(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1]
}
