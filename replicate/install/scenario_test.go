package install

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"duet/store"
	"duet/store/index"
)

// scenario is a tree that both have, and what the peer made of it.
type scenario struct {
	name  string
	have  tree
	want  tree
	moves map[string]string // new path: old path
	kept  []string          // path, reason, text
	nest  bool              // new directories are staged with their files in them
}

var scenarios = []scenario{
	{
		name: "place",
		want: tree{"d": dir(), "d/e": dir(), "d/e/f": file("new"), "g": file("also new"), "l": link("d/e")},
	},
	{
		name: "directories come with what is in them",
		nest: true,
		have: tree{"x": file("was a file")},
		want: tree{
			"d": dir(), "d/e": dir().with(0o700, 0), "d/e/f": file("f"), "d/g": file("g").with(0o400, 5), "d/h": file("h"),
			"d/l": link("g"), "ro": dir().with(0o555, 0), "ro/a": file("ra"), "x": dir(), "x/a": file("xa"),
		},
		kept: []string{"x overwritten was a file"},
	},
	{
		name: "swap",
		have: tree{"f": file("old"), "d": dir(), "d/g": file("old g"), "l": link("f")},
		want: tree{"f": file("new"), "d": dir(), "d/g": file("new g").with(0o600, 5), "l": link("d/g")},
		kept: []string{"d/g overwritten old g", "f overwritten old", "l overwritten symlink"},
	},
	{
		name: "delete",
		have: tree{"d": dir(), "d/e": dir(), "d/e/f": file("f"), "d/g": file("g"), "l": link("d"), "stays": file("s")},
		want: tree{"stays": file("s")},
		kept: []string{"d deleted directory", "d/e deleted directory", "d/e/f deleted f", "d/g deleted g", "l deleted symlink"},
	},
	{
		name:  "move",
		have:  tree{"a": file("moves"), "d": dir(), "d/b": file("moves and is touched"), "e": dir(), "l": link("a")},
		want:  tree{"e": dir(), "e/a": file("moves"), "b": file("moves and is touched").with(0o400, 7), "e/l": link("a")},
		moves: map[string]string{"e/a": "a", "b": "d/b", "e/l": "l"},
		kept:  []string{"d deleted directory"},
	},
	{
		name: "directory moves",
		have: tree{
			"a": dir(), "a/old": dir(), "a/old/f": file("f"), "a/old/sub": dir(), "a/old/sub/g": file("g"), "a/old/empty": dir(),
		},
		want: tree{
			"a": dir(), "b": dir(), "b/new": dir(), "b/new/f": file("f"), "b/new/sub": dir(), "b/new/sub/g": file("g"),
			"b/new/empty": dir(), "b/new/added": file("added"), "b/new/sub/too": file("added, too"),
		},
		moves: map[string]string{
			"b/new": "a/old", "b/new/f": "a/old/f", "b/new/sub": "a/old/sub", "b/new/sub/g": "a/old/sub/g", "b/new/empty": "a/old/empty",
		},
	},
	{
		name:  "directory moves, but for a file that stays",
		have:  tree{"old": dir(), "old/f": file("f"), "old/stays": file("s")},
		want:  tree{"old": dir(), "old/stays": file("s"), "new": dir(), "new/f": file("f")},
		moves: map[string]string{"new": "old", "new/f": "old/f"},
	},
	{
		name:  "move onto what is there",
		have:  tree{"a": file("one"), "b": file("two"), "c": file("three")},
		want:  tree{"b": file("one"), "c": file("two")},
		moves: map[string]string{"b": "a"},
		kept:  []string{"a deleted one", "b overwritten two", "c overwritten three"},
	},
	{
		name: "metadata",
		have: tree{"d": dir(), "f": file("f"), "g": file("g")},
		want: tree{"d": dir().with(0o700, 0), "f": file("f").with(0o600, 1_000_000_000), "g": file("g").with(0o644, 42)},
	},
	{
		name: "file becomes directory",
		have: tree{"x": file("was a file"), "y": link("x")},
		want: tree{"x": dir(), "x/a": file("a"), "y": dir(), "y/z": dir(), "y/z/b": file("b")},
		kept: []string{"x overwritten was a file", "y overwritten symlink"},
	},
	{
		name: "directory becomes symlink",
		have: tree{"current": dir(), "current/a": file("a"), "current/d": dir(), "current/d/b": file("b"), "current/l": link("a"), "releases": dir()},
		want: tree{"current": link("releases/7"), "releases": dir(), "releases/7": dir(), "releases/7/a": file("a7")},
		kept: []string{
			"current overwritten directory", "current/a overwritten a", "current/d overwritten directory",
			"current/d/b overwritten b", "current/l overwritten symlink",
		},
	},
	{
		name: "read-only directories come",
		have: tree{"ro": dir().with(0o555, 0), "f": file("f")},
		want: tree{
			"ro": dir().with(0o555, 0), "ro/new": dir().with(0o500, 0), "ro/new/a": file("a"), "ro/b": file("b"), "ro/l": link("b"),
			"f": dir().with(0o555, 0), "f/a": file("fa"),
		},
		kept: []string{"f overwritten f"},
	},
	{
		name: "read-only directories go",
		have: tree{
			"ro": dir().with(0o555, 0), "ro/a": file("a"), "ro/b": file("b"), "ro/c": file("c"), "ro/d": dir().with(0o555, 0),
			"x": dir().with(0o555, 0), "x/y": dir().with(0o500, 0), "x/y/z": file("z"),
		},
		want:  tree{"ro": dir().with(0o555, 0), "ro/b": file("changed"), "x": link("ro"), "c": file("c")},
		moves: map[string]string{"c": "ro/c"},
		kept: []string{
			"ro/a deleted a", "ro/b overwritten b", "ro/d deleted directory", "x overwritten directory",
			"x/y overwritten directory", "x/y/z overwritten z",
		},
	},
	{
		name: "directory becomes file",
		have: tree{"x": dir(), "x/a": file("a")},
		want: tree{"x": file("a file now")},
		kept: []string{"x overwritten directory", "x/a overwritten a"},
	},
	{
		name:  "directory moves away, symlink takes its name",
		have:  tree{"current": dir(), "current/a": file("a"), "current/b": file("b"), "releases": dir()},
		want:  tree{"current": link("releases/7"), "releases": dir(), "releases/7": dir(), "releases/7/a": file("a"), "releases/7/b": file("b")},
		moves: map[string]string{"releases/7/a": "current/a", "releases/7/b": "current/b"},
		kept:  []string{"current overwritten directory", "current/a overwritten a", "current/b overwritten b"},
	},
}

// mixed is a batch of all sorts.
func mixed() scenario {
	s := scenario{name: "mixed", have: make(tree), want: make(tree), moves: make(map[string]string)}
	for i := range 8 {
		p := func(kind string) string { return fmt.Sprintf("%s%d", kind, i) }
		s.have[p("dir")], s.want[p("dir")] = dir(), dir()
		s.have[p("dir")+"/swapped"], s.want[p("dir")+"/swapped"] = file(p("old")), file(p("new"))
		s.have[p("dir")+"/gone"] = file(p("gone"))
		s.want[p("dir")+"/placed"] = file(p("placed"))
		s.have[p("from")], s.want[p("dir")+"/to"] = file(p("moved")), file(p("moved"))
		s.moves[p("dir")+"/to"] = p("from")
		s.have[p("touched")], s.want[p("touched")] = file(p("touched")), file(p("touched")).with(0o600, 9)
		s.have[p("type")], s.want[p("type")] = dir(), link("dir0")
		s.have[p("type")+"/inner"] = file(p("inner"))
	}
	return s
}

// TestUnprivileged is TestBatch as an ordinary user.
func TestUnprivileged(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("TestBatch is that already")
	}
	cmd := exec.Command("/proc/self/exe", "-test.run", "^TestBatch$", "-test.v")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestBatch/read-only_directories_go") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestBatch(t *testing.T) {
	for _, s := range append(scenarios, mixed()) {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t, scratch(t))
			w.nest = s.nest
			w.seed(s.have)
			w.hear(s.want)
			for _, o := range w.batch(w.jobs(s.want, s.moves)) {
				if !o.Done || o.Raced || o.Err != nil {
					t.Errorf("outcome %+v", o)
				}
			}
			sameTree(t, w.onDisk(), s.want)
			w.check(true)
			w.settled()
			if s.kept != nil && !slices.Equal(w.kept(), s.kept) {
				t.Errorf("kept %q, want %q", w.kept(), s.kept)
			}
		})
	}
}

// settled checks that nothing is left to do: no intents, no path to act on,
// nothing staged.
func (w *world) settled() {
	w.tb.Helper()
	w.view(func(tx *store.Tx) error {
		c, err := tx.Counts()
		if err != nil {
			return err
		}
		if c.Intents != 0 || c.Take != 0 {
			w.tb.Errorf("%d intents and %d paths to act on are left", c.Intents, c.Take)
		}
		return nil
	})
	if left, err := w.files.ListHeld("stage"); err != nil || len(left) != 0 {
		w.tb.Errorf("left in the stage: %+v %v", left, err)
	}
	_ = index.Root
}
