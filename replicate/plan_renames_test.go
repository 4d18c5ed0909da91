package replicate_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"duet/replicate"
	planning "duet/replicate/plan"
	"duet/replicate/report"
)

// What was renamed is no delete: neither for max_delete nor for the plan, on
// whichever node that is made. What is deleted beside it waits.
func TestRenamesDoNotWaitInAPlan(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"a", "b"} {
		t.Run("on "+at, func(t *testing.T) {
			p := newPair(t, func(c *replicate.Config) {
				c.OnReconnect = "hold"
				if c.NodeName == "b" {
					c.MaxDelete = "0"
				}
			})
			for _, name := range []string{"dir/one", "dir/two", "gone"} {
				p.a.write(name, "content of "+name)
			}
			p.start()
			p.steady()
			p.a.applies(nil)
			p.steady()
			p.a.stop()
			p.b.stop()
			if err := os.Rename(filepath.Join(p.a.root, "dir/one"), filepath.Join(p.a.root, "dir/new")); err != nil {
				t.Fatal(err)
			}
			p.a.remove("gone")
			p.start()
			p.steady()
			n := p.a
			if at == "b" {
				n = p.b
			}
			waits := map[string]string{}
			plan, _, err := n.share.Plan(context.Background(), nil, planning.Emit{Step: func(s *report.Step) error {
				waits[s.Path] = s.Waits
				return nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			if len(waits) != 3 || waits["dir/one"] != "" || waits["dir/new"] != "" || waits["gone"] == "" {
				t.Errorf("the plan: %q", waits)
			}
			if f := plan.Foreseen; len(f) != 1 || f[0].Node != "b" || f[0].Deletes != 1 || f[0].Limit != "0" {
				t.Errorf("withheld: %+v", f)
			}
			if _, err := n.share.Apply(context.Background(), replicate.Applying{ID: plan.ID}, nil); err != nil {
				t.Fatal(err)
			}
			p.has("dir/new", "content of dir/one", "content of dir/one")
			p.steady()
			st := p.b.until("the delete to wait", func(st report.Status) bool { return st.Waiting != nil })
			if _, err := os.Lstat(filepath.Join(p.b.root, "dir/one")); err == nil || st.Waiting.Deletes != 1 || p.b.read("gone") == "" {
				t.Errorf("%v, waiting: %+v", err, st.Waiting)
			}
		})
	}
}
