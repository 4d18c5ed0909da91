package integration

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"duet/integration/rig"
)

// plant puts a small tree on a, and waits until b has it.
func plant(t *testing.T, p *rig.Pair, files int) rig.Tree {
	t.Helper()
	for i := range files {
		dir := p.A.At(fmt.Sprintf("dir%d", i%5))
		mkdir(t, dir)
		write(t, fmt.Sprintf("%s/file%d", dir, i), fmt.Sprintf("content %d\n", i))
	}
	p.Settle(patience)
	return p.A.Tree()
}

// What may have become of a root while the daemon was stopped, and what the
// share must then say. In every case nothing may be deleted at the peer, and
// once the root is back everything must go on by itself after a restart.
func TestRootGone(t *testing.T) {
	for name, c := range map[string]struct {
		spoil, mend func(t *testing.T, root string)
		state       string
		mounts      bool
	}{
		"moved away": {
			spoil: func(t *testing.T, root string) { must(t, os.Rename(root, root+".away")) },
			mend:  func(t *testing.T, root string) { must(t, os.Rename(root+".away", root)) },
			state: "halted-on-root-missing",
		},
		"replaced by an empty directory": {
			spoil: func(t *testing.T, root string) { must(t, os.Rename(root, root+".away")); mkdir(t, root) },
			mend:  func(t *testing.T, root string) { must(t, os.Remove(root)); must(t, os.Rename(root+".away", root)) },
			state: "halted-on-root-replaced",
		},
		"replaced by a file": {
			spoil: func(t *testing.T, root string) { must(t, os.Rename(root, root+".away")); write(t, root, "") },
			mend:  func(t *testing.T, root string) { must(t, os.Remove(root)); must(t, os.Rename(root+".away", root)) },
			state: "halted-on-root-",
		},
		"an empty tmpfs mounted over it": {
			spoil:  func(t *testing.T, root string) { command(t, "mount", "-t", "tmpfs", "none", root) },
			mend:   func(t *testing.T, root string) { command(t, "umount", root) },
			state:  "halted-on-root-replaced",
			mounts: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if c.mounts {
				rig.NeedMount(t)
			}
			t.Parallel()
			p := rig.NewPair(t, rig.Options{Shares: []string{"data", "other"}})
			p.Start()
			before := plant(t, p, 40)
			p.B.Stop()
			c.spoil(t, p.B.At())
			p.B.Start()
			s := p.B.Await(patience, c.state, func(s rig.ShareStatus) bool { return strings.HasPrefix(s.State, c.state) })
			if !strings.Contains(s.Reason, p.B.At()) || len(strings.Fields(s.Reason)) < 8 {
				t.Errorf("the reason does not name the root and what to do: %q", s.Reason)
			}
			t.Logf("reason: %s", s.Reason)
			if status, err := p.B.Status(); err != nil || status.Code != 7 {
				t.Errorf("status exits with %d, %v; want 7", status.Code, err)
			}
			othersGoOn(t, p)
			if left := p.A.Tree(); len(left.Diff(before)) > 0 {
				t.Fatalf("the peer's tree changed:\n%s", strings.Join(left.Diff(before), "\n"))
			}
			p.B.Stop()
			c.mend(t, p.B.At())
			p.B.Start()
			write(t, p.A.At("afterwards"), "on a")
			p.Settle(patience)
			if after := p.A.Tree(); len(after) != len(before)+1 {
				t.Errorf("%d paths before, %d afterwards", len(before), len(after))
			}
		})
	}
}

// othersGoOn changes something in the second share and waits for it: the halt
// of one share concerns no other, and proves that the daemons have talked.
func othersGoOn(t *testing.T, p *rig.Pair) {
	t.Helper()
	write(t, p.A.Root("other")+"/note", "still in sync")
	if !rig.Until(patience, func() bool {
		content, err := os.ReadFile(p.B.Root("other") + "/note")
		return err == nil && string(content) == "still in sync"
	}) {
		t.Error("the other share does not go on")
	}
}

// A root found emptied waits for a person, on the host where it is empty; more
// deletes than max_delete wait on the host where they would be done.
func TestMassDelete(t *testing.T) {
	for name, c := range map[string]struct {
		option  string
		files   int
		stop    bool
		emptied bool
		spoil   func(t *testing.T, n *rig.Node)
	}{
		"emptied while stopped": {option: "50%", files: 20, stop: true, emptied: true, spoil: empty},
		"too many while stopped": {option: "10", files: 40, stop: true, spoil: func(t *testing.T, n *rig.Node) {
			must(t, os.RemoveAll(n.At("dir0")))
			must(t, os.RemoveAll(n.At("dir1")))
		}},
		"too many while running": {option: "5", files: 40, spoil: func(t *testing.T, n *rig.Node) {
			must(t, os.Rename(n.At("dir0"), n.At("..", "dir0"))) // at once, so that none goes before the others
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := rig.NewPair(t, rig.Options{Share: map[string]string{"max_delete": c.option}})
			p.Start()
			before := plant(t, p, c.files)
			if c.stop {
				p.B.Stop()
			}
			c.spoil(t, p.B)
			if c.stop {
				p.B.Start()
			}
			waits := p.A
			if c.emptied {
				waits = p.B
			}
			s := waits.AwaitState(patience, "waiting-approval")
			t.Logf("reason: %s", s.Reason)
			if status, err := waits.Status(); err != nil || status.Code != 25 {
				t.Errorf("status exits with %d, %v; want 25", status.Code, err)
			}
			// Other changes still flow, which also shows that the daemons
			// had every chance to carry the deletes over. Nothing is put
			// into an emptied root, which may be a disk that is not there.
			write(t, p.A.At("meanwhile"), "created while the deletes wait")
			if !c.emptied && !rig.Until(patience, func() bool { _, err := os.Stat(p.B.At("meanwhile")); return err == nil }) {
				t.Error("nothing else flows while deletes wait")
			}
			left := p.A.Tree()
			delete(left, "meanwhile")
			if d := left.Diff(before); len(d) > 0 {
				t.Fatalf("the peer's tree changed before anybody approved:\n%s", strings.Join(d, "\n"))
			}
			waits.Must("approve", "data")
			p.Settle(patience)
			if after := p.A.Tree(); len(after) >= len(before) {
				t.Errorf("approved, and yet a has %d paths of %d", len(after), len(before))
			}
			p.CheckIndexes()
		})
	}
}

func empty(t *testing.T, n *rig.Node) {
	t.Helper()
	for _, name := range names(t, n.At()) {
		must(t, os.RemoveAll(n.At(name)))
	}
}

func command(t *testing.T, words ...string) string {
	t.Helper()
	out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, out)
	}
	return string(out)
}
