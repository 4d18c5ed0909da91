package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet/integration/rig"
)

// The receiving disk fills in the middle of a transfer: what did not fit is a
// problem that says so, no partial file is seen, small files still go where
// there is room, nothing goes back to the sender, and when there is room again
// the rest follows by itself.
func TestFullDisk(t *testing.T) {
	rig.NeedMount(t)
	t.Parallel()
	p := rig.NewPair(t, rig.Options{})
	// The root and the holding area beside it are on one small filesystem.
	disk := filepath.Dir(p.B.At())
	command(t, "mount", "-t", "tmpfs", "-o", "size=8m", "none", disk)
	t.Cleanup(func() { command(t, "umount", "-l", disk) })
	mkdir(t, p.B.At())
	p.Start()
	write(t, p.A.At("first"), "fits")
	p.Settle(patience)

	ballast := filepath.Join(disk, "ballast")
	write(t, ballast, strings.Repeat("x", 2<<20))
	for i := range 6 {
		write(t, p.A.At(fmt.Sprintf("big%d", i)), strings.Repeat(fmt.Sprintf("%07d\n", i), 200_000))
	}
	s := p.B.Await(patience, "showing the full disk", func(s rig.ShareStatus) bool {
		return len(s.Trouble()) > 0 || s.State == "degraded"
	})
	if all := fmt.Sprint(s.Problems, s.Reason); !strings.Contains(all, "no space left") && !strings.Contains(all, "disk is full") {
		t.Errorf("nothing says that the disk is full: %s", all)
	}
	for path, item := range p.B.Tree() {
		if item.Kind == 'f' && item.Size != 0 && item.Size != p.A.Tree()[path].Size {
			t.Errorf("a partial file is seen: %q has %d bytes", path, item.Size)
		}
	}
	if got := p.A.Tree(); len(got) != 7 {
		t.Errorf("the sender has %q", got.Paths())
	}
	if !p.B.Running() {
		t.Fatalf("b ended\n%s", p.B.LogTail(40))
	}
	must(t, os.Remove(ballast))
	must(t, os.Remove(p.A.At("big0"))) // 8 MiB do not hold all six twice
	command(t, "mount", "-o", "remount,size=64m", disk)
	p.Settle(patience)
	p.CheckIndexes()
}

// The index file is damaged while the daemon is stopped: that share halts with
// a message that says what to do, the damaged file is left as it is, the other
// share goes on, and nothing happens to the peer's tree.
func TestCorruptIndex(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"overwritten with garbage": func(b []byte) []byte { return []byte(strings.Repeat("garbage ", len(b)/8)) },
		"cut short":                func(b []byte) []byte { return b[:3*4096+100] },
		"emptied":                  func([]byte) []byte { return []byte("x") },
		"pages overwritten":        func(b []byte) []byte { return append(b[:2*4096:2*4096], make([]byte, len(b)-2*4096)...) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := rig.NewPair(t, rig.Options{Shares: []string{"data", "other"}})
			p.Start()
			before := plant(t, p, 30)
			p.B.Stop()
			file := filepath.Join(p.B.State, "shares", "data.db")
			damaged := damage([]byte(read(t, file)))
			must(t, os.WriteFile(file, damaged, 0o600))
			p.B.Launch()
			s := p.B.AwaitState(patience, "halted-on-index-error")
			t.Logf("reason: %s", s.Reason)
			if !strings.Contains(s.Reason, file) || len(strings.Fields(s.Reason)) < 8 {
				t.Errorf("the reason does not name the file and what to do: %q", s.Reason)
			}
			if status, err := p.B.Status(); err != nil || status.Code != 7 {
				t.Errorf("status exits with %d, %v; want 7", status.Code, err)
			}
			othersGoOn(t, p)
			if d := p.A.Tree().Diff(before); len(d) > 0 {
				t.Errorf("the peer's tree changed:\n%s", strings.Join(d, "\n"))
			}
			p.B.Stop()
			if read(t, file) != string(damaged) {
				t.Error("the damaged file was written to")
			}
			// The way out that the message must point at: without the file,
			// the index is made anew and the result is a union.
			must(t, os.Rename(file, file+".damaged"))
			p.B.Start()
			p.Settle(patience)
			if d := p.A.Tree().Diff(before); len(d) > 0 {
				t.Errorf("after starting over:\n%s", strings.Join(d, "\n"))
			}
		})
	}
}
