package replicate_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet/replicate"
	"duet/replicate/report"
)

// A plan that the daemon has forgotten, after a restart or after many others, is
// not applied as another one: whoever has its file, or asks for the same again, has
// it applied, the others hear why not.
func TestPlanForgotten(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]func(p *pair){
		"others": func(p *pair) {
			for i := range 40 {
				p.a.plans(&report.Orders{Paths: []string{fmt.Sprint("x", i)}})
			}
		},
		"restart": func(p *pair) {
			p.a.stop()
			p.a.start()
			p.join()
			p.steady()
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := held(t, func(p *pair) { p.a.write("d/x", "1") }, func(p *pair) { p.a.write("d/y", "2"); p.a.write("z", "3") })
			o := &report.Orders{Paths: []string{"d"}}
			plan := p.a.plans(o)
			plain := p.a.plans(nil)
			forget(p)
			_, err := p.a.share.Apply(context.Background(), replicate.Applying{ID: plan.ID}, nil)
			if !errors.Is(err, replicate.ErrMoved) || !strings.Contains(err.Error(), "does not know it") || !strings.Contains(err.Error(), "duet recover s --dry-run") {
				t.Fatalf("forgotten, and %v", err)
			}
			if _, err := os.Lstat(filepath.Join(p.b.root, "z")); err == nil {
				t.Fatal("applied as another plan")
			}
			if _, err := p.a.share.Apply(context.Background(), replicate.Applying{ID: plan.ID, Asked: o}, nil); err != nil {
				t.Fatalf("asked for again: %v", err)
			}
			p.has("d/y", "2", "2")
			p.steady()
			if _, err := os.Lstat(filepath.Join(p.b.root, "z")); err == nil {
				t.Error("more was done than the plan says")
			}
			_, err = p.a.share.Apply(context.Background(), replicate.Applying{ID: plain.ID}, nil)
			if !errors.Is(err, replicate.ErrMoved) {
				t.Errorf("something has moved since, and %v", err)
			}
		})
	}
}
