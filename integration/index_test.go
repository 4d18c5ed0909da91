package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet/integration/rig"
)

// A lost or restored index, or a whole disk put back to an older state, never
// deletes or overwrites unseen: the result is a union, what is equal agrees,
// what differs is a conflict with the loser kept.
func TestIndexLost(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, n *rig.Node, saved string){
		"deleted": func(t *testing.T, n *rig.Node, _ string) {
			must(t, os.Remove(filepath.Join(n.State, "shares", "data.db")))
		},
		"restored from an older copy": func(t *testing.T, n *rig.Node, saved string) {
			command(t, "cp", "-a", filepath.Join(saved, "state", "shares", "data.db"), filepath.Join(n.State, "shares", "data.db"))
		},
		"rolled back with the whole disk": func(t *testing.T, n *rig.Node, saved string) {
			// In place, so that the root stays the directory that it was, as
			// it does when a block device goes back to a snapshot.
			rig.Need(t, "rsync")
			command(t, "rsync", "-a", "--ignore-times", "--delete", saved+"/", n.Dir+"/")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := rig.NewPair(t, rig.Options{})
			p.Start()
			plant(t, p, 30)
			p.B.Stop()
			saved := filepath.Join(rig.Dir(t), "saved")
			command(t, "cp", "-a", p.B.Dir, saved)
			p.B.Start()
			// A life that the restored index knows nothing of.
			must(t, os.RemoveAll(p.B.At("dir1")))
			write(t, p.B.At("dir0", "file0"), "changed on b\n")
			write(t, p.A.At("later"), "created on a\n")
			p.Settle(patience)
			p.B.Stop()
			lose(t, p.B, saved)
			// And changes on both sides before they meet again.
			write(t, p.A.At("dir2", "file2"), "changed on a\n")
			write(t, p.B.At("dir2", "file2"), "changed on b, later\n")
			must(t, os.Remove(p.B.At("dir3", "file3")))
			beforeA, beforeB := p.A.Tree(), p.B.Tree()
			p.B.Start()
			p.Settle(patience)
			after := p.A.Tree()
			for path := range beforeA {
				if _, ok := after[path]; !ok {
					t.Errorf("%q was deleted", path)
				}
			}
			for path := range beforeB {
				if _, ok := after[path]; !ok {
					t.Errorf("%q of b is gone", path)
				}
			}
			kept := p.KeptContents()
			for side, before := range map[string]rig.Tree{"a": beforeA, "b": beforeB} {
				for path, item := range before {
					if item.Kind == 'f' && after[path].Sum != item.Sum && !kept[item.Sum] {
						t.Errorf("%s's %q is neither there nor kept", side, path)
					}
				}
			}
			p.CheckIndexes()
		})
	}
}

// Every inspection says the same of a running daemon and of a stopped one.
func TestInspectRunningAndStopped(t *testing.T) {
	t.Parallel()
	p := rig.NewPair(t, rig.Options{})
	p.Start()
	plant(t, p, 10)
	write(t, p.A.At("caf\xe9\n"), "")
	must(t, os.Remove(p.A.At("dir0", "file0")))
	p.Settle(patience)
	commands := [][]string{
		{"index", "ls"}, {"index", "show", "dir1/file1"}, {"index", "history", "dir1/file1"},
		{"index", "tombstones"}, {"index", "stats"}, {"index", "check"}, {"conflicts"}, {"kept", "ls"},
	}
	running := map[string]string{}
	for _, words := range commands {
		running[strings.Join(words, " ")] = p.A.Must(words...)
	}
	if ls := running["index ls"]; !strings.Contains(ls, "dir1/file1") || !strings.Contains(ls, `caf\xe9\n`) {
		t.Errorf("index ls:\n%s", ls)
	}
	p.Stop()
	for _, words := range commands {
		name := strings.Join(words, " ")
		if got := p.A.Must(words...); got != running[name] && name != "index stats" {
			t.Errorf("%s: running\n%s\nstopped\n%s", name, running[name], got)
		}
	}
}

// A version that was displaced comes back with `duet kept restore`, and goes
// to the peer like any other change.
func TestKeptRestore(t *testing.T) {
	t.Parallel()
	p := rig.NewPair(t, rig.Options{})
	p.Start()
	write(t, p.A.At("page"), "the first version\n")
	p.Settle(patience)
	write(t, p.A.At("page"), "the second version\n")
	p.Settle(patience)
	kept := p.B.Kept()
	if len(kept) != 1 || kept[0].Path != "page" || kept[0].Reason != "overwritten" {
		t.Fatalf("kept on b: %+v", kept)
	}
	p.B.Must("kept", "restore", fmt.Sprint(kept[0].ID))
	p.Settle(patience)
	if got := read(t, p.A.At("page")); got != "the first version\n" {
		t.Errorf("page on a is %q", got)
	}
	p.CheckIndexes()
}
