package hostile

import (
	"fmt"
	"os"
	"testing"

	"duet/replicate/wire/wirepb"
)

// However a peer goes about it, it does not get rid of more than max_delete
// allows: not at once, and not directory by directory in place of which it
// wants a file.
func TestDeletesEverything(t *testing.T) {
	t.Parallel()
	const dirs, files = 20, 12
	tests := map[string]func(s *session, d int) []*wirepb.Change{
		"tombstones": func(s *session, d int) []*wirepb.Change {
			dir := fmt.Sprintf("many%02d", d)
			return changes(s.gone(dir))
		},
		"files in place of directories": func(s *session, d int) []*wirepb.Change {
			dir := fmt.Sprintf("many%02d", d)
			return changes(s.change(dir, s.a.knowing(dir, fileOf("evil")), []byte("evil")))
		},
	}
	for name, last := range tests {
		t.Run(name, func(t *testing.T) {
			v := newVictim(t, setup{files: func(root string) {
				for d := range dirs {
					must(t, os.MkdirAll(fmt.Sprintf("%s/many%02d", root, d), 0o755))
					for f := range files {
						must(t, os.WriteFile(fmt.Sprintf("%s/many%02d/%d", root, d, f), []byte("x"), 0o644))
					}
				}
			}})
			a := newAttacker(v)
			s := a.connect()
			var all []*wirepb.Change
			for d := range dirs {
				for f := range files {
					path := fmt.Sprintf("many%02d/%d", d, f)
					all = append(all, s.gone(path))
				}
				all = append(all, last(s, d)...)
			}
			must(t, s.tell(all...))
			s.waitAck()
			until(t, "the deletes to wait", func() bool { return v.status("bad").Waiting != nil })
			for range 10 { // a plan that somebody applies is no approval
				must(t, sendRaw(s.ctl, wirepb.Kind_CONTROL, &wirepb.Control{Kind: wirepb.Control_HOLD}))
				must(t, sendRaw(s.ctl, wirepb.Kind_CONTROL, &wirepb.Control{Kind: wirepb.Control_RELEASE}))
			}
			must(t, s.tell(s.file("after", "the release")))
			until(t, "what comes after", func() bool { return v.read("after") == "the release" })
			if v.status("bad").Waiting == nil {
				t.Error("a release lets deletes happen")
			}
			s.close()
			a.proves()
			for d := range dirs {
				for f := range files {
					if v.read(fmt.Sprintf("many%02d/%d", d, f)) != "x" {
						t.Fatalf("many%02d/%d is gone", d, f)
					}
				}
			}
		})
	}
}
