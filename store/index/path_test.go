package index

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// randomPath makes short paths of few letters, so that they often share parts;
// the letters are those that sort around '/', and bytes that are not UTF-8.
func randomPath(rnd *rand.Rand) Path {
	const letters = "ab.-0\x01\xff \n"
	for {
		var parts []string
		for range 1 + rnd.IntN(4) {
			name := make([]byte, 1+rnd.IntN(3))
			for i := range name {
				name[i] = letters[rnd.IntN(len(letters))]
			}
			parts = append(parts, string(name))
		}
		if p, err := ParsePath(strings.Join(parts, "/")); err == nil {
			return p
		}
	}
}

func sign(n int) int { return min(1, max(-1, n)) }

func TestPathKeyOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 5_000 {
		p, q := randomPath(rnd), randomPath(rnd)
		if got, want := sign(p.Compare(q)), bytes.Compare(p.Key(), q.Key()); got != want {
			t.Fatalf("Compare(%q, %q) = %d, keys compare %d", string(p), string(q), got, want)
		}
		if (p.Compare(q) == 0) != (p == q) {
			t.Fatalf("Compare(%q, %q) = 0", string(p), string(q))
		}
		back, err := PathFromKey(p.Key())
		if err != nil || back != p {
			t.Fatalf("PathFromKey(%q.Key()) = %q, %v", string(p), string(back), err)
		}
	}
}

// TestWalkOrder holds what the merge of two walks needs: a directory comes
// directly before what is below it.
func TestWalkOrder(t *testing.T) {
	got := []Path{"a.b", "a/b", "b", "a", "a-", "a/b/c", "a/a", "a\x01"}
	want := []Path{"a", "a/a", "a/b", "a/b/c", "a\x01", "a-", "a.b", "b"}
	slices.SortFunc(got, Path.Compare)
	if !slices.Equal(got, want) {
		t.Errorf("sorted %q, want %q", got, want)
	}
}

func TestParsePath(t *testing.T) {
	long := strings.Repeat("x", MaxName)
	deep := strings.Repeat(long+"/", MaxPath/(MaxName+1))
	for _, good := range []string{"a", "a/b", "...", ".a", "a\nb", "\xff\xfe", "-", long, deep[:len(deep)-1]} {
		p, err := ParsePath(good)
		if err != nil || string(p) != good {
			t.Errorf("ParsePath(%q) = %q, %v", good, string(p), err)
		}
	}
	for _, bad := range []string{"", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a\x00b", long + "x", deep + "x"} {
		if p, err := ParsePath(bad); err == nil {
			t.Errorf("ParsePath(%.40q) = %.40q, want an error", bad, string(p))
		}
	}
	for _, bad := range []string{"", "a/b", "a\x00\x00b", "\x00a", "a\x00..", "."} {
		if p, err := PathFromKey([]byte(bad)); err == nil {
			t.Errorf("PathFromKey(%q) = %q, want an error", bad, string(p))
		}
	}
}

func TestJoinParentLeaf(t *testing.T) {
	for _, test := range []struct {
		dir  Path
		name string
		want Path
	}{
		{Root, "a", "a"}, {"a", "b", "a/b"}, {"a/b", "c", "a/b/c"},
		{"a", "", ""}, {"a", "b/c", ""}, {"a", "..", ""}, {"a", ".", ""}, {"a", "b\x00", ""},
		{Path(strings.Repeat("x/", 2047) + "x"), "y", ""},
	} {
		got, err := test.dir.Join(test.name)
		if got != test.want || (err != nil) != (test.want == "") {
			t.Errorf("%.20q.Join(%q) = %q, %v", string(test.dir), test.name, string(got), err)
			continue
		}
		if err == nil && (got.Parent() != test.dir || got.Leaf() != test.name) {
			t.Errorf("%q: parent %q, leaf %q", string(got), string(got.Parent()), got.Leaf())
		}
	}
}

func TestUnder(t *testing.T) {
	for _, test := range []struct {
		p, dir Path
		want   bool
	}{
		{"a", Root, true}, {Root, Root, false}, {"a/b", "a", true}, {"a/b/c", "a", true},
		{"a", "a", false}, {"ab", "a", false}, {"a.b", "a", false}, {"a", "a/b", false},
	} {
		if got := test.p.Under(test.dir); got != test.want {
			t.Errorf("%q.Under(%q) = %v", string(test.p), string(test.dir), got)
		}
	}
}

func TestQuote(t *testing.T) {
	for raw, want := range map[string]string{
		"a/b c.txt": "a/b c.txt", "größe": "größe", "a\nb": `"a\nb"`, "\x1b[2J": `"\x1b[2J"`,
		"\xff": `"\xff"`, `a"b`: `"a\"b"`, "a\u202eb": `"a\u202eb"`, `a\nb`: `"a\\nb"`,
	} {
		if got := Quote(raw); got != want {
			t.Errorf("Quote(%q) = %s, want %s", raw, got, want)
		}
	}
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"a/b", "..", "a//b", "\xff/\x00"} {
		f.Add(s, "a/b")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		p, err := ParsePath(a)
		if err != nil {
			return
		}
		if back, err := PathFromKey(p.Key()); err != nil || back != p {
			t.Errorf("PathFromKey(Key) = %q, %v", string(back), err)
		}
		if q, err := ParsePath(b); err == nil && sign(p.Compare(q)) != bytes.Compare(p.Key(), q.Key()) {
			t.Errorf("%q and %q: Compare and keys differ", a, b)
		}
	})
}
