package hostile

import (
	"fmt"
	"os"
	"testing"

	"duet/replicate"
	"duet/replicate/wire/wirepb"
	"duet/store/index"
)

// However a peer goes about it, it does not get rid of more than max_delete
// allows: not at once, and not directory by directory in place of which it
// wants a file.
func TestDeletesEverything(t *testing.T) {
	const dirs, files = 20, 12
	gone := index.Entry{Kind: index.Gone}
	tests := map[string]func(v *victim, s *session, d int) []*wirepb.Change{
		"tombstones": func(v *victim, s *session, d int) []*wirepb.Change {
			dir := fmt.Sprintf("many%02d", d)
			return changes(s.change(dir, knowing(v, dir, gone), nil))
		},
		"files in place of directories": func(v *victim, s *session, d int) []*wirepb.Change {
			dir := fmt.Sprintf("many%02d", d)
			return changes(s.change(dir, knowing(v, dir, fileOf("evil")), []byte("evil")))
		},
	}
	for name, last := range tests {
		t.Run(name, func(t *testing.T) {
			v := newVictim(t, func(c *replicate.Config) {
				for d := range dirs {
					must(t, os.MkdirAll(fmt.Sprintf("%s/many%02d", c.Path, d), 0o755))
					for f := range files {
						must(t, os.WriteFile(fmt.Sprintf("%s/many%02d/%d", c.Path, d, f), []byte("x"), 0o644))
					}
				}
			})
			a := newAttacker(t, v.dir, v.addr)
			s := a.connect()
			var all []*wirepb.Change
			for d := range dirs {
				for f := range files {
					path := fmt.Sprintf("many%02d/%d", d, f)
					all = append(all, s.change(path, knowing(v, path, gone), nil))
				}
				all = append(all, last(v, s, d)...)
			}
			must(t, s.tell(all...))
			s.waitAck()
			until(t, "the deletes to wait", func() bool { return v.bad.Status().Waiting != nil })
			s.close()
			a.proves(v)
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
