package sim

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// regression is a file of testdata: a schedule that once found something, as
// short as it can be, independent of what is drawn for its seed today. The seed
// still deals out latencies and the luck of single operations.
type regression struct {
	Story   string `json:"story"`
	Found   string `json:"found"`
	Open    string `json:"open,omitempty"` // how it still fails, until somebody mends it
	Seed    uint64 `json:"seed"`
	Swarm   Swarm  `json:"swarm"`
	Crashes string `json:"crashes,omitempty"`
	Script
}

func (r *regression) plan(t *testing.T) Plan {
	p := Plan{Seed: r.Seed, Swarm: r.Swarm, Script: &r.Script, Dir: indexDir(), Verbose: true}
	if r.Crashes != "" {
		var err error
		if p.Crashes, err = ParseCrashes(r.Crashes); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// TestRegressions runs what once found something.
func TestRegressions(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var r regression
			d := json.NewDecoder(bytes.NewReader(b))
			d.DisallowUnknownFields()
			if err := d.Decode(&r); err != nil {
				t.Fatal(err)
			}
			if r.Story == "" {
				t.Error("it has no story")
			}
			w := Run(t, r.plan(t))
			if testing.Verbose() && len(files) == 1 {
				w.Trace.WriteTo(os.Stdout)
			}
			if r.Open != "" {
				if !slices.ContainsFunc(w.Faults(), func(f string) bool { return kindOf(f) == r.Open }) {
					t.Errorf("it is said to be open, and fails no more as it did: take that out of the file")
				}
				t.Skipf("not mended yet: %s", r.Story)
			}
			if len(w.Faults()) > 0 {
				var story strings.Builder
				w.Trace.WriteTo(&story)
				t.Errorf("%s\n%s\n%s", r.Story, strings.Join(w.Faults(), "\n"), &story)
			}
		})
	}
}

// TestOldSeeds runs the seeds of testdata/seeds.txt, see there.
func TestOldSeeds(t *testing.T) {
	f, err := os.Open("testdata/seeds.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var seed uint64
		if _, err := fmt.Sscan(lines.Text(), &seed); err == nil {
			p := planFor(t, seed)
			tellFaults(t, p, Run(t, p))
		}
	}
}

// save writes the shortest schedule that fails, or the whole of one that does
// not.
func save(t *testing.T, name string, p Plan, w *World) {
	script := w.Script()
	if len(w.Faults()) > 0 {
		if s := shortest(t, p, w); s != nil {
			p, script = s.Plan, *s.Plan.Script
		}
	}
	r := regression{Story: *storyFlag, Found: fmt.Sprintf("seed %d of commit %s", p.Seed, commit()), Seed: p.Seed,
		Swarm: p.Swarm, Crashes: joined(p.Crashes), Script: script}
	if err := os.WriteFile(filepath.Join("testdata", name+".json"), r.text(t), 0o644); err != nil {
		t.Fatal(err)
	}
}

// text has a line for each act.
func (r *regression) text(t *testing.T) []byte {
	acts := r.Acts
	r.Acts = []Act{}
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, a := range acts {
		line, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, "\n  "+string(line))
	}
	return append(bytes.Replace(b, []byte(`"acts": []`), []byte(`"acts": [`+strings.Join(lines, ",")+"\n ]"), 1), '\n')
}

// commit names what is tested.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty", "--exclude", "*").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
