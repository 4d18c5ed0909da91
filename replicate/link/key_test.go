package link_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"duet/replicate/link"
)

func TestKeysAreStored(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node_key")
	var wg sync.WaitGroup
	made := make([]*link.Key, 8)
	for i := range made {
		wg.Go(func() {
			var err error
			if made[i], err = link.LoadOrCreateKey(path, "tgt-a"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	for _, k := range made {
		if k.Public().Line("") != made[0].Public().Line("") {
			t.Fatal("two processes have two keys")
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("%d files were left", len(left))
	}
	line := made[0].Public().Line("tgt-a")
	again, err := link.ParsePublicKey(line)
	if err != nil || again.Fingerprint() != made[0].Public().Fingerprint() || link.NodeID(again) != link.NodeID(made[0].Public()) {
		t.Errorf("%q is read as %v, %v", line, again, err)
	}
	if !strings.HasPrefix(line, "ssh-ed25519 AAAA") || !strings.HasSuffix(line, " tgt-a") {
		t.Errorf("line %q", line)
	}
}

func TestBadKeyFiles(t *testing.T) {
	good := filepath.Join(t.TempDir(), "good")
	if _, err := link.LoadOrCreateKey(good, ""); err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		content string
		mode    os.FileMode
		want    string
	}{
		"empty":             {"", 0o600, "must be an OpenSSH ed25519 key"},
		"cut":               {string(pem[:100]), 0o600, "must be an OpenSSH ed25519 key"},
		"readable by all":   {string(pem), 0o644, "chmod 600"},
		"readable by group": {string(pem), 0o640, "chmod 600"},
		"huge":              {strings.Repeat("x", 1<<20), 0o600, "too long"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "node_key")
			if err := os.WriteFile(path, []byte(c.content), c.mode); err != nil {
				t.Fatal(err)
			}
			_, err := link.LoadOrCreateKey(path, "")
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
			if now, _ := os.ReadFile(path); string(now) != c.content {
				t.Error("the file was changed")
			}
		})
	}
	if _, err := link.LoadKey(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(err) && !strings.Contains(err.Error(), "no such file") {
		t.Errorf("missing: %v", err)
	}
}

func TestParsePublicKey(t *testing.T) {
	line := newKey(t).Public().Line("comment")
	const rsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDAu5Kf2jqSWjH2vI0sHJ6Y0cTBV3vQJkq0Hn3WRG6kXwFnDXL4qv5nNMmJ0Dqj4cxqv1rDYxv1Gxv1Gxv1Gxv1Gxv1Gxv1Gxv1Gxv1Gxv1Gxv1Gxv1Gxv1Gxv1Gxv1Gxv1Gxv1Gxv1Gxv1Gxv1Gxv1Gxv1Gw=="
	for in, want := range map[string]string{
		"":                       "not of the form",
		"ssh-ed25519":            "not of the form",
		"ssh-ed25519 AAAA":       "not of the form",
		line[:40]:                "not of the form",
		"SHA256:abc":             "not of the form",
		`command="id" ` + line:   "options",
		line + "\n" + line:       "more than one line",
		rsa:                      "",
		"ecdsa-sha2-nistp256 AA": "not of the form",
	} {
		if _, err := link.ParsePublicKey(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", in, err, want)
		}
	}
	for _, ok := range []string{line, "  " + line + "\n"} {
		if _, err := link.ParsePublicKey(ok); err != nil {
			t.Errorf("%q: %v", ok, err)
		}
	}
}
