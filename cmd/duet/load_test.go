package main

import (
	"os"
	"path/filepath"
	"testing"

	"duet/cmd/duet/config"
	"duet/cmd/duet/exit"
)

func TestLocate(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	one := &config.Config{Shares: []config.Share{{Name: "www", Path: filepath.Join(dir, "www")}}}
	two := &config.Config{Shares: append(one.Shares, config.Share{Name: "cgi", Path: filepath.Join(dir, "cgi")})}
	if err := os.Mkdir("www", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		cfg         *config.Config
		share, arg  string
		want, where string // share and path; share "-": an error
	}{
		{one, "", "a/b", "www", "a/b"},
		{one, "", "a/b/", "www", "a/b"},
		{one, "", "www:a", "www", "a"},
		{one, "", "other:a", "www", "other:a"}, // a name with a colon
		{one, "", `"a\nb"`, "www", "a\nb"},
		{one, "", `www:"\xff"`, "www", "\xff"},
		{one, "", filepath.Join(dir, "www/x"), "www", "x"},
		{one, "", filepath.Join(dir, "www"), "www", ""},
		{one, "", filepath.Join(dir, "wwwx"), "-", ""},
		{one, "", "./www/x", "www", "x"},
		{one, "", "./x", "www", "x"}, // not below a share from here: below the root
		{two, "", "a", "", "a"},
		{two, "cgi", "a", "cgi", "a"},
		{two, "cgi", "www:a", "cgi", "www:a"},
		{two, "nosuch", "a", "-", ""},
		{two, "", "cgi:/a", "cgi", "a"},
		{two, "", filepath.Join(dir, "cgi/a"), "cgi", "a"},
	} {
		share, path, err := locate(c.cfg, c.share, c.arg)
		if c.want == "-" {
			if exit.Code(err) != exit.Usage {
				t.Errorf("locate(%q, %q): %q, %q, %v; want a usage error", c.share, c.arg, share, path, err)
			}
			continue
		}
		if err != nil || share != c.want || path != c.where {
			t.Errorf("locate(%q, %q): %q, %q, %v; want %q, %q", c.share, c.arg, share, path, err, c.want, c.where)
		}
	}
}

// In a share, and by way of symlinks, a path is what a shell would take it for.
func TestLocateFromInside(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"www/sub/deep", "cgi"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"link": "www", "www/out": "..", "www/sub/self": "deep"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	cfg := &config.Config{Shares: []config.Share{{Name: "www", Path: filepath.Join(dir, "www")}, {Name: "cgi", Path: filepath.Join(dir, "cgi")}}}
	for _, c := range []struct{ from, arg, want, where string }{
		{"www", "a", "www", "a"},
		{"www/sub", "a", "www", "sub/a"},
		{"www/sub", "../a", "www", "a"},
		{"www/sub", "self", "www", "sub/self"},     // the symlink itself
		{"www/sub", "self/x", "www", "sub/self/x"}, // as it is written
		{"link/sub", "a", "www", "sub/a"},
		{".", "link/sub/a", "", "link/sub/a"}, // not in a share, and no path of the filesystem
		{".", "./link/sub/a", "www", "sub/a"},
		{".", filepath.Join(dir, "link/x/y"), "www", "x/y"},
		{"www", "cgi:a", "cgi", "a"},
	} {
		t.Chdir(filepath.Join(dir, c.from))
		share, path, err := locate(cfg, "", c.arg)
		if err != nil || share != c.want || path != c.where {
			t.Errorf("in %s, locate(%q): %q, %q, %v; want %q, %q", c.from, c.arg, share, path, err, c.want, c.where)
		}
	}
}
