package diff

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"duet/store/index"
)

// candidates reads "path:content" words; content 0 is an empty file.
func candidates(words string) []Candidate {
	var out []Candidate
	for _, w := range strings.Fields(words) {
		path, content, _ := strings.Cut(w, ":")
		c := Candidate{Path: index.Path(path), Hash: index.Hash{content[0]}, Size: 9}
		if content == "0" {
			c.Size = 0
		}
		out = append(out, c)
	}
	return out
}

func TestMatchRenames(t *testing.T) {
	for _, c := range []struct{ name, gone, created, want string }{
		{"nothing", "", "", ""},
		{"a rename", "a:1", "b:1", "a>b"},
		{"other content", "a:1", "b:2", ""},
		{"each source once", "a:1", "b:1 c:1", "a>b"},
		{"each target once", "a:1 b:1", "c:1", "a>c"},
		{"same leaf first", "x/f:1 x/g:1", "y/g:1 z:1", "x/g>y/g x/f>z"},
		{"longest common ending first", "old/x/f:1 old/y/f:1", "new/y/f:1 new/x/f:1", "old/x/f>new/x/f old/y/f>new/y/f"},
		{"then the same directory", "p/a:1 q/a:1", "q/b:1 p/c:1", "p/a>p/c q/a>q/b"},
		{"empty files only by leaf", "d/__init__:0 x:0", "e/__init__:0 y:0", "d/__init__>e/__init__"},
		{"a copy is no rename", "", "b:1", ""},
	} {
		gone, created := candidates(c.gone), candidates(c.created)
		for range 5 {
			var got []string
			for _, p := range MatchRenames(gone, created) {
				got = append(got, fmt.Sprintf("%s>%s", string(p.From), string(p.To)))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s: got %v, want %s", c.name, got, c.want)
			}
			rand.Shuffle(len(gone), func(i, j int) { gone[i], gone[j] = gone[j], gone[i] })
			rand.Shuffle(len(created), func(i, j int) { created[i], created[j] = created[j], created[i] })
		}
	}
}

// TestMatchManyEqual: a directory of equal files is renamed; every file finds
// its own, and it does not take quadratic time.
func TestMatchManyEqual(t *testing.T) {
	const n = 20_000
	var gone, created []Candidate
	for i := range n {
		gone = append(gone, Candidate{index.Path(fmt.Sprintf("old/%d/f%d", i%100, i)), index.Hash{1}, 5})
		created = append(created, Candidate{index.Path(fmt.Sprintf("new/%d/f%d", i%100, i)), index.Hash{1}, 5})
	}
	before := slices.Clone(gone)
	pairs := MatchRenames(gone, created)
	if len(pairs) != n {
		t.Fatalf("%d pairs, want %d", len(pairs), n)
	}
	for _, p := range pairs {
		if strings.TrimPrefix(string(p.From), "old") != strings.TrimPrefix(string(p.To), "new") {
			t.Fatalf("%v became %v", p.From, p.To)
		}
	}
	if !slices.Equal(before, gone) {
		t.Error("the argument was changed")
	}
}
