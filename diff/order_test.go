package diff

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"duet/store/index"
)

// toyTree is a tree in memory, which refuses what a real one would.
type toyTree map[index.Path]*index.Entry

// parse reads "d/ d/a=1 l@t x!/" words: directory, file with content, symlink,
// directory whose owner may not write.
func parse(words string) toyTree {
	tree := make(toyTree)
	for _, w := range strings.Fields(words) {
		switch {
		case strings.HasSuffix(w, "!/"):
			tree[index.Path(strings.TrimSuffix(w, "!/"))] = &index.Entry{Kind: index.Dir, Mode: 0o555}
		case strings.HasSuffix(w, "/"):
			tree[index.Path(strings.TrimSuffix(w, "/"))] = &index.Entry{Kind: index.Dir, Mode: 0o755}
		case strings.Contains(w, "@"):
			name, target, _ := strings.Cut(w, "@")
			tree[index.Path(name)] = &index.Entry{Kind: index.Symlink, Target: target}
		default:
			name, content, _ := strings.Cut(w, "=")
			tree[index.Path(name)] = &index.Entry{Kind: index.File, Hash: index.Hash{content[0]}, Size: 1, Mode: 0o644}
		}
	}
	return tree
}

// steps are what leads from one tree to the other, as a caller would list
// them: every file whose bytes are somewhere in the tree gets them from there.
func steps(before, after toyTree) []Step {
	var out []Step
	where := make(map[index.Hash]index.Path)
	for _, p := range slices.SortedFunc(maps.Keys(before), index.Path.Compare) {
		if e := before[p]; e.Kind == index.File {
			where[e.Hash] = p
		}
		if after[p] == nil {
			out = append(out, Step{Path: p, Verb: index.Shelve, Was: before[p], Entry: &index.Entry{Kind: index.Gone}})
		}
	}
	for p, e := range after {
		s := Step{Path: p, Entry: e, Was: before[p]}
		switch {
		case s.Was == nil:
			s.Verb = index.Place
		case index.SameContent(s.Was, e) && s.Was.Mode == e.Mode:
			continue
		case index.SameContent(s.Was, e):
			s.Verb = index.SetMeta
		default:
			s.Verb = index.Swap
		}
		if from, ok := where[e.Hash]; ok && e.Kind == index.File && s.Verb != index.SetMeta {
			s.Verb, s.From = index.Move, from
		}
		out = append(out, s)
	}
	return out
}

func (tree toyTree) apply(steps []Step, always map[index.Path]bool) error {
	staged := make(map[int]*index.Entry)
	for i, s := range steps {
		if s.From != index.Root && s.Verb != index.Move {
			if staged[i] = tree[s.From]; staged[i] == nil {
				return fmt.Errorf("step %s copies what is not there", name(s))
			}
		}
	}
	for i, s := range steps {
		if copied := staged[i]; copied != nil && copied.Hash != s.Entry.Hash {
			return fmt.Errorf("step %s copies other bytes", name(s))
		}
		if err := tree.do(s); err != nil {
			return fmt.Errorf("step %s: %w", name(s), err)
		}
		for p := range always {
			if tree[p] == nil {
				return fmt.Errorf("step %s leaves a reader without %v", name(s), p)
			}
		}
	}
	return nil
}

func (tree toyTree) writable(p index.Path) error {
	dir := p.Parent()
	if dir == index.Root {
		return nil
	}
	if e := tree[dir]; e == nil || e.Kind != index.Dir || e.Mode&0o300 != 0o300 {
		return fmt.Errorf("cannot write in %v", dir)
	}
	return nil
}

func (tree toyTree) under(p index.Path) []index.Path {
	var out []index.Path
	for q := range tree {
		if q.Under(p) {
			out = append(out, q)
		}
	}
	return out
}

func (tree toyTree) do(s Step) error {
	there := tree[s.Path]
	if s.Verb == index.Shelve && there == nil {
		return nil // moved away, or gone with the directory that held it
	}
	if err := tree.writable(s.Path); err != nil && s.Verb != index.SetMeta {
		return err
	}
	switch s.Verb {
	case index.Place:
		if there != nil {
			return errors.New("the name is taken")
		}
	case index.Swap:
		if there == nil {
			return errors.New("nothing to exchange with")
		}
		if s.Entry.Kind != index.Dir {
			for _, q := range tree.under(s.Path) {
				delete(tree, q)
			}
		}
	case index.SetMeta:
		if there == nil {
			return errors.New("nothing there")
		}
	case index.Move:
		source := tree[s.From]
		if there != nil || source == nil || source.Hash != s.Entry.Hash {
			return fmt.Errorf("cannot move: target %v, source %v", there, source)
		}
		if err := tree.writable(s.From); err != nil {
			return err
		}
		delete(tree, s.From)
	case index.Shelve:
		if len(tree.under(s.Path)) > 0 {
			return errors.New("not empty")
		}
		delete(tree, s.Path)
		return nil
	}
	tree[s.Path] = s.Entry
	return nil
}

func name(s Step) string {
	if s.From != index.Root {
		return fmt.Sprintf("%v %v<%v", s.Verb, s.Path, s.From)
	}
	return fmt.Sprintf("%v %v", s.Verb, s.Path)
}

func checkOrder(before, after toyTree) ([]string, error) {
	plan := Order(steps(before, after))
	var names []string
	for _, s := range plan {
		names = append(names, name(s))
	}
	always := make(map[index.Path]bool)
	for p := range before {
		always[p] = after[p] != nil
		if !always[p] {
			delete(always, p)
		}
	}
	tree := maps.Clone(before)
	if err := tree.apply(plan, always); err != nil {
		return names, err
	}
	if len(tree) != len(after) {
		return names, fmt.Errorf("%d paths, want %d", len(tree), len(after))
	}
	for p, want := range after {
		if got := tree[p]; got == nil || !index.Same(got, want) {
			return names, fmt.Errorf("%v is %+v, want %+v", p, got, want)
		}
	}
	return names, nil
}

func TestOrder(t *testing.T) {
	for _, c := range []struct{ name, before, after, want string }{
		{"parents first", "", "d/ d/a=1 d-e/ d-e/b=2", "place d, place d/a, place d-e, place d-e/b"},
		{"removals bottom-up", "d/ d/a=1 d/e/", "", "shelve d/e, shelve d/a, shelve d"},
		{"rename", "a=1", "b=1", "move b<a, shelve a"},
		{"rename into a new directory", "a=1", "d/ d/a=1", "place d, move d/a<a, shelve a"},
		{"rename of a directory", "x/ x/a=1 x/b=2", "y/ y/a=1 y/b=2", "place y, move y/a<x/a, move y/b<x/b, shelve x/b, shelve x/a, shelve x"},
		{"chain", "a=1 b=2", "b=1 c=2", "swap b<a, place c<b, shelve a"},
		{"cycle of two", "a=1 b=2", "a=2 b=1", "swap a<b, swap b<a"},
		{"cycle of three", "a=1 b=2 c=3", "a=3 b=1 c=2", "swap a<c, swap b<a, swap c<b"},
		{"one source, two targets", "a=1", "b=1 c=1", "place b<a, place c<a, shelve a"},
		{"copy", "a=1", "a=1 b=1", "place b<a"},
		{"into its own name", "a=1", "a/ a/x=1", "swap a, place a/x<a"},
		{"out of its own name", "a/ a/x=1", "a=1", "swap a<a/x, shelve a/x"},
		{"the release is complete before current points at it", "current@releases/6 releases/ releases/6/ releases/6/i=1", "current@releases/7 releases/ releases/7/ releases/7/i=2",
			"place releases/7, place releases/7/i, swap current, shelve releases/6/i, shelve releases/6"},
		{"a directory becomes a link to where its contents went", "current/ current/i=1 releases/", "current@releases/7 releases/ releases/7/ releases/7/i=1",
			"place releases/7, place releases/7/i<current/i, swap current, shelve current/i"},
		{"and back", "current@releases/7 releases/ releases/7/ releases/7/i=1", "current/ current/i=1 releases/",
			"swap current, move current/i<releases/7/i, shelve releases/7/i, shelve releases/7"},
		{"a file becomes a link", "a=1 z=2", "a@z z=3", "swap z, swap a"},
		{"a directory opens", "d!/", "d/ d/a=1", "set metadata d, place d/a"},
		{"a directory closes", "d/ d/a=1 d/b=2", "d!/ d/b=3", "swap d/b, shelve d/a, set metadata d"},
	} {
		got, err := checkOrder(parse(c.before), parse(c.after))
		if err != nil {
			t.Errorf("%s: %v\nplan %s", c.name, err, strings.Join(got, ", "))
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, strings.Join(got, ", "), c.want)
		}
	}
}

// TestOrderOfAnyTrees: whatever two trees, the plan can be done step by step,
// ends in the second, and never leaves a reader without a name of both.
func TestOrderOfAnyTrees(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	moves := 0
	for round := range 8_000 {
		before, after := randomTree(random), randomTree(random)
		plan, err := checkOrder(before, after)
		if err != nil {
			t.Fatalf("round %d: %v\nbefore %s\nafter %s\nplan %s", round, err, before, after, strings.Join(plan, ", "))
		}
		for _, s := range plan {
			if strings.HasPrefix(s, "move") {
				moves++
			}
		}
	}
	if moves < 300 {
		t.Errorf("only %d moves: the trees do not test them", moves)
	}
}

func randomTree(random *rand.Rand) toyTree {
	tree := make(toyTree)
	dirs := []index.Path{index.Root}
	for range random.IntN(14) {
		dir := dirs[random.IntN(len(dirs))]
		p, err := dir.Join(string("abcd"[random.IntN(4)]))
		if err != nil || tree[p] != nil {
			continue
		}
		switch random.IntN(5) {
		case 0, 1:
			tree[p] = &index.Entry{Kind: index.Dir, Mode: 0o755}
			dirs = append(dirs, p)
		case 2:
			tree[p] = &index.Entry{Kind: index.Symlink, Target: "t"}
		default:
			tree[p] = &index.Entry{Kind: index.File, Hash: index.Hash{byte(1 + random.IntN(9))}, Size: 1, Mode: 0o644}
		}
	}
	return tree
}

func (tree toyTree) String() string {
	var words []string
	for _, p := range slices.SortedFunc(maps.Keys(tree), index.Path.Compare) {
		words = append(words, fmt.Sprintf("%v(%v %d)", p, tree[p].Kind, tree[p].Hash[0]))
	}
	return strings.Join(words, " ")
}
