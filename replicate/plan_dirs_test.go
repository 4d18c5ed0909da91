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

// settles makes a plan with one choice, sees that nothing of it waits, and applies
// it.
func (n *node) settles(path, take string) {
	n.t.Helper()
	o := &report.Orders{Choices: []report.Choice{{Path: path, Take: take}}}
	p, _, err := n.share.Plan(context.Background(), o, planning.Emit{Step: func(s *report.Step) error {
		if s.Waits != "" {
			n.t.Errorf("%s waits: %s", s.Path, s.Waits)
		}
		return nil
	}})
	if err != nil {
		n.t.Fatal(err)
	}
	done, err := n.share.Apply(context.Background(), replicate.Applying{ID: p.ID}, nil)
	if err != nil || done.Skipped > 0 {
		n.t.Fatalf("%+v, %v", done.Ruled, err)
	}
}

// Whoever chooses a directory against a file has it with all that was in it;
// whoever chooses the file has nothing left below it, and all is kept.
func TestDirectoryChosenInAPlan(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"newer", "hold"} {
		for _, at := range []string{"a", "b"} {
			for _, take := range []string{"a", "b"} {
				t.Run(policy+", on "+at+" take "+take, func(t *testing.T) {
					p := newPair(t, func(c *replicate.Config) { c.OnReconnect, c.Conflict = "hold", policy })
					p.a.write("d/old", "old")
					p.a.write("d/sub/older", "older")
					p.start()
					p.steady()
					p.a.applies(nil)
					p.steady()
					p.a.stop()
					p.b.stop()
					if err := os.Chmod(filepath.Join(p.a.root, "d"), 0o750); err != nil {
						t.Fatal(err)
					}
					p.a.write("d/sub/new", "new")
					p.b.remove("d")
					p.b.write("d", "a file now")
					p.start()
					p.steady()
					n := p.a
					if at == "b" {
						n = p.b
					}
					n.settles("d", take)
					if take == "b" {
						p.has("d", "a file now", "a file now")
					} else {
						p.has("d/old", "old", "old")
						p.has("d/sub/older", "older", "older")
						p.has("d/sub/new", "new", "new")
					}
					p.settle()
					if take == "b" {
						kept := map[string]bool{}
						for _, k := range p.a.kept() {
							kept[string(k.Path)] = true
						}
						if !kept["d/old"] || !kept["d/sub/older"] || !kept["d/sub/new"] {
							t.Errorf("kept on a: %v", kept)
						}
					}
				})
			}
		}
	}
}

// Of a directory that both have only the mode is chosen, and what is in it goes
// its own way.
func TestDirectoryModeChosenInAPlan(t *testing.T) {
	t.Parallel()
	for _, take := range []string{"ours", "theirs"} {
		t.Run(take, func(t *testing.T) {
			chmod := func(n *node, mode os.FileMode) {
				if err := os.Chmod(filepath.Join(n.root, "d"), mode); err != nil {
					t.Fatal(err)
				}
			}
			p := held(t, func(p *pair) { p.a.write("d/x", "1") }, func(p *pair) {
				chmod(p.a, 0o750)
				chmod(p.b, 0o700)
				p.b.write("d/y", "2")
			})
			p.a.settles("d", take)
			p.has("d/y", "2", "2")
			p.settle()
			want := os.FileMode(0o750)
			if take == "theirs" {
				want = 0o700
			}
			info, err := os.Stat(filepath.Join(p.b.root, "d"))
			if err != nil || info.Mode().Perm() != want {
				t.Errorf("mode %v, %v, want %v", info.Mode(), err, want)
			}
		})
	}
}
