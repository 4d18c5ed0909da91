package replicate_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"duet/replicate"
	"duet/replicate/restore"
	"duet/store/index"
)

func everything(*index.Kept) bool { return true }

// grove fills a's tree with one of everything, and more paths than one job takes.
func (p *pair) grove() {
	p.t.Helper()
	at := func(name string) string { return filepath.Join(p.a.root, name) }
	must := func(err error) {
		p.t.Helper()
		if err != nil {
			p.t.Fatal(err)
		}
	}
	for i := range 450 {
		p.a.write(fmt.Sprintf("site/d%d/f%d", i%7, i), fmt.Sprint("content ", i))
	}
	p.a.write("site/private/key", "secret")
	must(os.Chmod(at("site/private/key"), 0o600))
	must(os.Chmod(at("site/private"), 0o700))
	must(os.MkdirAll(at("site/empty/inner"), 0o750))
	must(os.Symlink("d1/f1", at("site/link")))
	old := time.Date(2001, 2, 3, 4, 5, 6, 7, time.UTC)
	must(os.Chtimes(at("site/d1/f1"), old, old))
	must(os.Mkdir(at("site/locked"), 0o555)) // empty, so that anybody may remove it
	p.a.write("stays", "here")
}

// A mistaken rm -rf on one host is undone on the other: all is as it was, on both.
func TestRestoreWindow(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) { c.MaxDelete = "100%" })
	p.grove()
	p.start()
	p.settle()
	before := list(t, p.a.root)
	start := time.Now().UnixNano()
	p.b.remove("site")
	p.a.goes("site")
	p.settle()
	ctx := context.Background()
	byB := func(k *index.Kept) bool {
		return k.Time >= start && k.Reason == index.Removed && k.By == p.b.cfg.Node
	}
	dry, err := p.a.share.RestoreWindow(ctx, restore.Order{Match: byB, DryRun: true})
	if err != nil || dry.Files != 451 || dry.Dirs != 12 || dry.Links != 1 || len(p.a.kept()) == 0 {
		t.Errorf("dry run: %d files, %d directories, %d links, %v", dry.Files, dry.Dirs, dry.Links, err)
	}
	if _, err := os.Lstat(filepath.Join(p.a.root, "site")); !os.IsNotExist(err) {
		t.Error("a dry run restored something")
	}
	r, err := p.a.share.RestoreWindow(ctx, restore.Order{Match: byB})
	if err != nil || r.Files != dry.Files || r.Dirs != dry.Dirs || r.Links != dry.Links || r.Bytes != dry.Bytes || r.Failed+r.Skipped != 0 {
		t.Errorf("restored %d files, %d directories, %d links, %d failed, %d skipped, %v", r.Files, r.Dirs, r.Links, r.Failed, r.Skipped, err)
	}
	p.until("all as it was", func() bool { return list(t, p.b.root) == before })
	p.settle()
	if got := list(t, p.a.root); got != before {
		t.Errorf("a has\n%s\nwant\n%s", got, before)
	}
	again, err := p.a.share.RestoreWindow(ctx, restore.Order{Match: byB})
	if err != nil || again.Already != 464 || again.Files != 0 {
		t.Errorf("once more: %d there already, %d files, %v", again.Already, again.Files, err)
	}
}

// What is in the place of a version now stays, unless a person insists; then
// it is kept. Of several versions the newest comes back.
func TestRestoreOver(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.start()
	p.overwrite("page", 3)
	p.a.write("other", "1")
	p.settle()
	p.a.remove("other")
	p.b.goes("other")
	p.settle()
	ctx := context.Background()
	r, err := p.b.share.RestoreWindow(ctx, restore.Order{Match: everything})
	if err != nil || r.Files != 1 || r.Skipped != 1 || !strings.Contains(r.Items[1].Detail, "--force") || r.Items[1].Path != "page" {
		t.Errorf("restored %+v, %v", r, err)
	}
	p.until("the restored file", func() bool { return p.a.read("other") == "1" })
	p.settle()
	if got := p.b.read("page"); got != "version 3" {
		t.Errorf("page: %q", got)
	}
	before := len(p.b.kept())
	r, err = p.b.share.RestoreWindow(ctx, restore.Order{Match: func(k *index.Kept) bool { return k.Path == "page" }, Force: true})
	if err != nil || r.Files != 1 || r.Skipped != 0 {
		t.Errorf("restored %+v, %v", r, err)
	}
	p.until("version 2", func() bool { return p.a.read("page") == "version 2" })
	p.settle()
	kept := p.b.kept()
	if len(kept) != before+1 || kept[before].Path != "page" {
		t.Errorf("what was there is not kept: %d versions, then %d", before, len(kept))
	}
}
