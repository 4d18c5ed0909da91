package integration

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet/integration/rig"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// spoil changes the content of a file of a stopped node, and makes its index
// believe that nothing has happened, which is how it looks when a disk does it.
func spoil(t *testing.T, n *rig.Node, p index.Path, content string) {
	t.Helper()
	path := n.At(string(p))
	was, err := os.Lstat(path)
	must(t, err)
	write(t, path, content)
	must(t, os.Chtimes(path, was.ModTime(), was.ModTime()))
	tree, err := vfs.Open(n.At(), vfs.Options{Name: "data"})
	must(t, err)
	info, err := tree.Lstat(p)
	must(t, errors.Join(err, tree.Close()))
	st, err := store.Open(filepath.Join(n.State, "shares", "data.db"), store.Options{})
	must(t, err)
	err = st.Update(func(tx *store.Tx) error {
		r, err := tx.Get(p)
		if err != nil {
			return err
		}
		r.Stamp = info.Stamp
		return tx.Put(r)
	})
	must(t, errors.Join(err, st.Close()))
}

// A disk that changes what it was given to keep is found out by `verify`, its
// damage stays where it is, and is repaired from the side that is good.
func TestVerifySilentCorruption(t *testing.T) {
	t.Parallel()
	p := rig.NewPair(t, rig.Options{})
	p.Start()
	plant(t, p, 20)
	p.Stop()
	spoil(t, p.A, "dir1/file1", "c0ntent 1\n")
	spoil(t, p.B, "dir2/file2", "c0ntent 2\n")
	p.Start()
	p.A.Await(patience, "connected", func(s rig.ShareStatus) bool { return s.Connected && s.State == "watching" })

	// The indexes agree, and nobody notices.
	p.A.Must("index", "diff")
	p.A.Must("verify")
	out, _, code := p.A.Duet("verify", "--content", "--bwlimit", "off")
	for _, want := range []string{"corrupt    a: dir1/file1  its hash is ", "corrupt    b: dir2/file2  its hash is ", "data: the same here and on b"} {
		if !strings.Contains(out, want) || code != 1 {
			t.Errorf("verify: exit code %d, want %q in\n%s", code, want, out)
		}
	}
	if a, b := read(t, p.B.At("dir1", "file1")), read(t, p.A.At("dir2", "file2")); a != "content 1\n" || b != "content 2\n" {
		t.Errorf("the damage has spread: %q, %q", a, b)
	}
	st, err := p.A.Status()
	if err != nil || st.Code != 1 || !strings.Contains(st.Text, `"damaged":["dir1/file1"]`) {
		t.Errorf("status: exit code %d, %v\n%s", st.Code, err, st.Text)
	}

	out, _, code = p.A.Duet("verify", "--content", "--repair", "--bwlimit", "off")
	for _, want := range []string{"dir1/file1  its hash is ", "; repaired from b", "; repaired from another copy, by b"} {
		if !strings.Contains(out, want) || code != 0 {
			t.Errorf("repair: exit code %d, want %q in\n%s", code, want, out)
		}
	}
	p.Settle(patience)
	for _, n := range p.Nodes() {
		if a, b := read(t, n.At("dir1", "file1")), read(t, n.At("dir2", "file2")); a != "content 1\n" || b != "content 2\n" {
			t.Errorf("%s: %q, %q", n.Name, a, b)
		}
		n.Must("index", "check")
	}
	var kept []struct{ ID int }
	must(t, json.Unmarshal([]byte(p.A.Must("kept", "ls", "--reason", "corrupt", "--json")), &kept))
	if len(kept) != 1 {
		t.Errorf("kept: %+v", kept)
	}
	if log := p.A.Must("log"); !strings.Contains(log, "damaged") || !strings.Contains(log, "repaired") || !strings.Contains(log, "verified") {
		t.Errorf("log:\n%s", log)
	}
	p.A.Must("verify", "--content")
	p.A.Must("status")
}
