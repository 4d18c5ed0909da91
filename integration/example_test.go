package integration

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duet/integration/rig"
)

// The worked example of the design: two web servers, a live part and an outage
// part, under both rules for deletes that happened during an outage.
func TestWorkedExample(t *testing.T) {
	for deletes, images := range map[string][]string{
		"track": {"tgt-a-new1.img", "tgt-a-new2.img", "tgt-b-new3.jpg", "tgt-b-new4.jpg"},
		"running": {"imgfile3.png", "tgt-a-new1.img", "tgt-a-new2.img", "tgt-b-new3.jpg", "tgt-b-new4.jpg",
			"willbewebmgrowneratremote.txt"},
	} {
		t.Run(deletes, func(t *testing.T) {
			t.Parallel()
			p := rig.NewPair(t, rig.Options{
				Shares: []string{"images", "cgi-bins"},
				Share:  map[string]string{"deletes": deletes},
			})
			p.Start()
			playLive(t, p)
			p.Stop()
			playOutage(t, p)
			p.A.Start()
			p.B.Start()
			p.Settle(patience)
			for _, n := range p.Nodes() {
				if got := names(t, n.Root("images")); !slices.Equal(got, images) {
					t.Errorf("%s: images are %q, want %q", n.Name, got, images)
				}
				if got := names(t, n.Root("cgi-bins")); !slices.Equal(got, []string{"updatetestfile.cgi"}) {
					t.Errorf("%s: cgi-bins are %q", n.Name, got)
				}
			}
			checkLoser(t, p)
			p.CheckIndexes()
		})
	}
}

const (
	live32 = "this file size will be 32 bytes\n"
	live84 = live32 + "added this data, so ths file size are 84 bytes now.\n"
	byA    = live84 + "the file has updated before tgt-b host.\n"
	byB    = live84 + "The changes after making changes for tgt-a.\n"
)

func playLive(t *testing.T, p *rig.Pair) {
	t.Helper()
	images, cgi := "images", "cgi-bins"
	write(t, filepath.Join(p.A.Root(cgi), "willbecgicmsowneratremote.txt"), "")
	for _, name := range []string{"willbewebmgrowneratremote.txt", "imgfile1.png", "imgfile2.png", "imgfile3.png"} {
		write(t, filepath.Join(p.B.Root(images), name), "")
	}
	p.Settle(patience)
	must(t, os.Remove(filepath.Join(p.A.Root(images), "imgfile2.png")))
	must(t, os.Remove(filepath.Join(p.B.Root(images), "imgfile1.png")))
	p.Settle(patience)
	must(t, os.Rename(filepath.Join(p.A.Root(cgi), "willbecgicmsowneratremote.txt"), filepath.Join(p.A.Root(cgi), "updatetestfile.cgi")))
	p.Settle(patience)
	write(t, filepath.Join(p.B.Root(cgi), "updatetestfile.cgi"), live32)
	p.Settle(patience)
	add(t, filepath.Join(p.A.Root(cgi), "updatetestfile.cgi"), live84[len(live32):])
	p.Settle(patience)
	for _, n := range p.Nodes() {
		if got := read(t, filepath.Join(n.Root(cgi), "updatetestfile.cgi")); got != live84 {
			t.Errorf("%s: updatetestfile.cgi is %q", n.Name, got)
		}
		if got, want := names(t, n.Root(images)), []string{"imgfile3.png", "willbewebmgrowneratremote.txt"}; !slices.Equal(got, want) {
			t.Errorf("%s: images are %q, want %q", n.Name, got, want)
		}
	}
}

func playOutage(t *testing.T, p *rig.Pair) {
	t.Helper()
	must(t, os.Remove(filepath.Join(p.A.Root("images"), "imgfile3.png")))
	for _, name := range []string{"tgt-a-new1.img", "tgt-a-new2.img"} {
		write(t, filepath.Join(p.A.Root("images"), name), "")
	}
	add(t, filepath.Join(p.A.Root("cgi-bins"), "updatetestfile.cgi"), byA[len(live84):])
	must(t, os.Remove(filepath.Join(p.B.Root("images"), "willbewebmgrowneratremote.txt")))
	for _, name := range []string{"tgt-b-new3.jpg", "tgt-b-new4.jpg"} {
		write(t, filepath.Join(p.B.Root("images"), name), "")
	}
	add(t, filepath.Join(p.B.Root("cgi-bins"), "updatetestfile.cgi"), byB[len(live84):])
}

// checkLoser looks for B's 128 bytes in the trees, and A's 124 under kept and
// among the conflicts.
func checkLoser(t *testing.T, p *rig.Pair) {
	t.Helper()
	for _, n := range p.Nodes() {
		if got := read(t, filepath.Join(n.Root("cgi-bins"), "updatetestfile.cgi")); got != byB || len(got) != 128 {
			t.Errorf("%s: updatetestfile.cgi is %q", n.Name, got)
		}
		if out, errs, code := n.Duet("conflicts"); !strings.Contains(out, "updatetestfile.cgi") {
			t.Errorf("%s: conflicts: exit code %d, %s%s", n.Name, code, out, errs)
		}
	}
	kept := findFile(t, filepath.Join(filepath.Dir(p.A.Root("cgi-bins")), ".duet-cgi-bins", "kept"), byA)
	if kept == "" {
		t.Error("a's 124 bytes are not among its kept versions")
	}
	if out := p.A.Must("kept", "ls"); !strings.Contains(out, "updatetestfile.cgi") || !strings.Contains(out, "conflict") {
		t.Errorf("kept ls does not show the loser:\n%s", out)
	}
}

// names returns what is in a directory, sorted; names of directories, too.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// findFile returns the file below dir that has this content, "" if none has.
func findFile(t *testing.T, dir, content string) string {
	t.Helper()
	tree, err := rig.ReadTree(dir)
	must(t, err)
	for path, item := range tree {
		if item.Kind == 'f' && item.Size == int64(len(content)) && read(t, filepath.Join(dir, path)) == content {
			return filepath.Join(dir, path)
		}
	}
	return ""
}
