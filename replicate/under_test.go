package replicate_test

import (
	"fmt"
	"slices"
	"testing"

	"duet/recovery"
	"duet/replicate"
	"duet/replicate/report"
)

// underPair has directories of which each has a limit of its own.
func underPair(t *testing.T, limits ...recovery.Under) *pair {
	p := newPair(t, func(c *replicate.Config) { c.MaxDelete, c.MaxDeleteUnder = "40", limits })
	for _, dir := range []string{"up", "logs", "more"} {
		for i := range 30 {
			p.a.write(fmt.Sprintf("%s/f%02d", dir, i), dir)
		}
	}
	p.start()
	p.settle()
	return p
}

// removeApart removes paths on a while the nodes are apart, so that b hears of
// all of them at once.
func (p *pair) removeApart(paths ...string) {
	p.t.Helper()
	left := p.a.share.Status().Files - int64(len(paths))
	p.part()
	for _, path := range paths {
		p.a.remove(path)
	}
	p.a.until("the deletes", func(st report.Status) bool { return st.Files == left })
	p.join()
}

// some are the names of files in a directory.
func some(dir string, from, to int) (paths []string) {
	for i := from; i < to; i++ {
		paths = append(paths, fmt.Sprintf("%s/f%02d", dir, i))
	}
	return paths
}

func groupsOf(st report.Status) (under []string) {
	if st.Waiting != nil {
		for _, g := range st.Waiting.Groups {
			under = append(under, fmt.Sprintf("%s %d of %d, %s", g.Under, g.Deletes, g.Total, g.Limit))
		}
	}
	return under
}

func groupID(t *testing.T, st report.Status, under string) string {
	t.Helper()
	for _, g := range st.Waiting.Groups {
		if g.Under == under {
			return g.ID
		}
	}
	t.Fatalf("no group %q in %+v", under, st.Waiting)
	return ""
}

// More deletes than a directory may have wait, although the share may have more;
// all else goes on, also what is deleted elsewhere.
func TestMaxDeleteUnder(t *testing.T) {
	t.Parallel()
	p := underPair(t, recovery.Under{Dir: "/up", Limit: "10"})
	p.removeApart(append(some("up", 0, 11), some("more", 0, 11)...)...)
	p.a.write("up/news", "news")
	st := p.b.until("approval", func(st report.Status) bool { return st.Waiting != nil && st.Files == 90-11+1 })
	// They are counted with the news, or just before.
	if got := groupsOf(st); !slices.Equal(got, []string{"up 11 of 32, 10"}) && !slices.Equal(got, []string{"up 11 of 31, 10"}) {
		t.Errorf("waiting: %q", got)
	}
	if p.b.read("up/f03") != "up" || p.b.read("up/news") != "news" {
		t.Error("in up, not all is as it should be")
	}
	if err := p.b.share.Approve(t.Context(), st.Waiting.ID); err != nil {
		t.Fatal(err)
	}
	p.settle()
	if st := p.b.share.Status(); st.Files != 90-22+1 || st.Waiting != nil {
		t.Errorf("%d files, waiting %+v", st.Files, st.Waiting)
	}
}

// Deletes in a directory that come a few at a time are counted together.
func TestMaxDeleteUnderInParts(t *testing.T) {
	t.Parallel()
	p := underPair(t, recovery.Under{Dir: "/up", Limit: "10"})
	for i := range 8 {
		p.a.remove(fmt.Sprintf("up/f%02d", i))
	}
	p.settle()
	p.removeApart(append(some("up", 8, 16), some("logs", 0, 8)...)...)
	p.b.until("approval", func(st report.Status) bool {
		return st.Files == 90-16 && slices.Equal(groupsOf(st), []string{"up 8 of 31, 10"})
	})
}

// Each group is approved, or rejected, by itself.
func TestApproveGroup(t *testing.T) {
	t.Parallel()
	p := underPair(t, recovery.Under{Dir: "/up", Limit: "10"}, recovery.Under{Dir: "/logs", Limit: "5"})
	p.removeApart(some("logs", 0, 8)...)
	p.b.until("approval", func(st report.Status) bool {
		return slices.Equal(groupsOf(st), []string{"logs 8 of 31, 5"})
	})
	p.removeApart(some("up", 0, 12)...)
	st := p.b.until("approval of both", func(st report.Status) bool {
		return slices.Equal(groupsOf(st), []string{"up 12 of 31, 10", "logs 8 of 31, 5"})
	})
	if err := p.b.share.Approve(t.Context(), groupID(t, st, "up")); err != nil {
		t.Fatal(err)
	}
	st = p.b.until("what was approved", func(st report.Status) bool { return st.Files == 90-12 })
	if got := groupsOf(st); !slices.Equal(got, []string{"logs 8 of 31, 5"}) {
		t.Errorf("waiting: %q", got)
	}
	p.a.write("logs/news", "news") // and then there is another look
	p.until("news", func() bool { return p.b.read("logs/news") == "news" })
	if p.b.read("logs/f00") != "logs" {
		t.Error("an approval of one group let another pass")
	}
	if err := p.b.share.Reject(t.Context(), groupID(t, st, "logs")); err != nil {
		t.Fatal(err)
	}
	p.settle()
	if st := p.a.share.Status(); st.Files != 90-12+1 || p.a.read("logs/f00") != "logs" {
		t.Errorf("%d files, logs/f00: %s", st.Files, p.a.read("logs/f00"))
	}
}

// If the share's own limit is exceeded too, all of it is one group.
func TestOuterGroup(t *testing.T) {
	t.Parallel()
	p := underPair(t, recovery.Under{Dir: "/up", Limit: "10"})
	p.removeApart(append(some("up", 0, 25), some("more", 0, 25)...)...)
	st := p.b.until("approval", func(st report.Status) bool { return slices.Equal(groupsOf(st), []string{" 50 of 93, 40"}) })
	if st.Files != 90 {
		t.Errorf("%d files are left, want 90", st.Files)
	}
	if err := p.b.share.Approve(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	p.settle()
	if st := p.b.share.Status(); st.Files != 40 {
		t.Errorf("%d files are left, want 40", st.Files)
	}
}
