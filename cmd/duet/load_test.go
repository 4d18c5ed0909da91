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
