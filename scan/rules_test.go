package scan

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"duet/store/index"
)

// ruleTests name paths; a slash at the end says that it is a directory. Every
// line is also put to git, if there is one.
var ruleTests = []struct {
	rules   string
	ignored string
	kept    string
}{
	{"*.tmp", "a.tmp a/b.tmp .tmp d.tmp/ d.tmp/in", "a.tmp2 tmp a/tmp"},
	{"/cache", "cache cache/ cache/a/b", "a/cache cached"},
	{"cache/", "cache/ cache/x a/cache/ a/cache/x", "cache a/cache"},
	{"/cache/", "cache/ cache/x", "cache a/cache/ a/cache/x"},
	{"a/b", "a/b a/b/ a/b/c", "b x/a/b a/bb"},
	{"a/*", "a/b a/b/c", "a/ a b/a"},
	{"a/*/c", "a/b/c", "a/c a/b/b/c"},
	{"**/x", "x a/x a/b/x x/y", "ax a/xx"},
	{"a/**", "a/b a/b/c", "a a/ b/a"},
	{"a/**/b", "a/b a/x/b a/x/y/b a/b/c", "a/xb ab b"},
	{"a/**/**/b", "a/b a/x/b", "a/xb"},
	{"**/a/**/b/**/c", "a/b/c x/a/y/b/z/c a/a/b/b/c", "a/c b/c a/b"},
	{"**", "a a/b", ""},
	{"foo**bar", "foobar fooxbar", "foo/bar foo/x/bar"},
	{"***", "a a/b", ""},
	{"?", "a a/b", "ab aa"},
	{"a?c", "abc", "ac a/c"},
	{"[ab]c", "ac bc", "cc abc"},
	{"[!ab]c", "cc", "ac bc"},
	{"[^ab]c", "cc", "ac"},
	{"a[!x]b", "ayb", "a/b axb"},
	{"[a-c]", "a b c", "d"},
	{"[]-]x", "]x -x", "x ax"},
	{"[!]]x", "ax", "]x"},
	{"[[:digit:][:upper:]]x", "1x Ax", "ax :x"},
	{"[[:punct:]]x", "]x [x _x ~x !x", "ax 1x"},
	{"[[]x", "[x", "ax"},
	{"{a,b}", "{a,b}", "a b"},
	{"{", "{", "a"},
	{`\!x`, "!x", "x"},
	{`\#x`, "#x", "x"},
	{`a\*b`, "a*b", "axb"},
	{`a\ `, "", "a"},
	{"# comment\n\n   \n*.o", "a.o", "a"},
	{"x   ", "x", "xx"},
	{"*.log\n!keep.log", "a.log", "keep.log d/keep.log"},
	{"!keep.log\n*.log", "a.log keep.log", "b"},
	{"*\n!*.html", "a d/ d/a.html", "a.html"},
	{"/*\n!/d/\n/d/*\n!/d/keep", "a d/x e/", "d/ d/keep"},
	{"d/\n!d/keep", "d/ d/keep", "e"},
	{"*.tmp\n!dir.tmp/", "a.tmp dir.tmp", "dir.tmp/ dir.tmp/x"},
	{"caf\xc3\xa9?", "caf\xc3\xa9s", "caf\xc3\xa9"},
	{"caf\xe9", "caf\xe9", "caf\xea caf\xc3\xa9"},
	{"caf\xe9*", "caf\xe9 caf\xe9x", "caf\xea caf\xc3\xa9"},
	{"*x", "caf\xe9x", "caf\xe9"},
}

func TestRules(t *testing.T) {
	for _, test := range ruleTests {
		rules, err := ParseRules(strings.Split(test.rules, "\n"))
		if err != nil {
			t.Errorf("%q: %v", test.rules, err)
			continue
		}
		check := func(names string, want bool) {
			for _, name := range strings.Fields(names) {
				p := index.Path(strings.TrimSuffix(name, "/"))
				dir := string(p) != name
				if got := rules.Ignored(p, dir); got != want {
					t.Errorf("%q: %q ignored: %v", test.rules, name, got)
				}
				if _, ok := rules.Match(p, dir); ok != want {
					t.Errorf("%q: %q matched: %v", test.rules, name, ok)
				}
			}
		}
		check(test.ignored, true)
		check(test.kept, false)
	}
}

// The same table, as git sees it.
func TestRulesAreThoseOfGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git here")
	}
	g := gitRepo{t: t, dir: t.TempDir()}
	g.run("", "init", "-q")
	for _, test := range ruleTests {
		rules, err := ParseRules(strings.Split(test.rules, "\n"))
		must(t, err)
		names := strings.Fields(test.ignored + " " + test.kept)
		for len(names) > 0 {
			done, ignored := g.ignores(test.rules, names)
			for _, name := range names[:done] {
				clean := strings.TrimSuffix(name, "/")
				if got := rules.Ignored(index.Path(clean), clean != name); got != ignored[clean] {
					t.Errorf("%q: %q ignored: %v, by git: %v", test.rules, name, got, ignored[clean])
				}
			}
			names = names[done:]
		}
	}
}

type gitRepo struct {
	t   *testing.T
	dir string
}

func (g gitRepo) run(stdin string, args ...string) string {
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Stdin = g.dir, strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_DIR="+filepath.Join(g.dir, ".git"))
	out, _ := cmd.Output() // check-ignore fails if nothing is ignored
	return string(out)
}

// ignores makes as many of names as can be there at the same time, and returns
// their number and which of them git ignores.
func (g gitRepo) ignores(rules string, names []string) (int, map[string]bool) {
	g.t.Helper()
	old, err := os.ReadDir(g.dir)
	must(g.t, err)
	for _, e := range old {
		if e.Name() != ".git" {
			must(g.t, os.RemoveAll(filepath.Join(g.dir, e.Name())))
		}
	}
	must(g.t, os.WriteFile(filepath.Join(g.dir, ".git", "info", "exclude"), []byte(rules), 0o644))
	done, stdin := 0, ""
	for _, name := range names {
		full := filepath.Join(g.dir, name)
		dir := strings.HasSuffix(name, "/")
		if !dir {
			if i, err := os.Lstat(full); err == nil && i.IsDir() {
				break
			}
		}
		if os.MkdirAll(filepath.Dir(full), 0o755) != nil {
			break
		}
		if dir && os.MkdirAll(full, 0o755) != nil {
			break
		}
		if !dir {
			must(g.t, os.WriteFile(full, nil, 0o644))
		}
		done++
		stdin += strings.TrimSuffix(name, "/") + "\x00"
	}
	out := map[string]bool{}
	for name := range strings.SplitSeq(g.run(stdin, "check-ignore", "--no-index", "-z", "--stdin"), "\x00") {
		out[name] = true
	}
	return done, out
}

func TestBadRules(t *testing.T) {
	tests := []struct{ rules, want string }{
		{"ok\n[ab", `ignore line 2, [ab: bracket is not closed`},
		{"[", "bracket is not closed"},
		{"[[:nothing:]]", "unknown class"},
		{"a//b", "empty component"},
		{"/", "empty component"},
		{"!", "empty component"},
		{"./a", `component "."`},
		{"a/../b", `component ".."`},
		{`a\`, "last backslash"},
		{`a\/b`, "last backslash"},
	}
	for _, test := range tests {
		_, err := ParseRules(strings.Split(test.rules, "\n"))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %q", test.rules, err, test.want)
		}
	}
	if _, err := ParseRules([]string{"a\nb"}); err == nil {
		t.Error("two lines in one: no error")
	}
}

func TestBuiltinRules(t *testing.T) {
	own, err := ParseRules([]string{"!.stfolder", "!.duet", "*.bak"})
	must(t, err)
	tests := []struct {
		rules *Rules
		name  string
		want  string // start of the rule
	}{
		{nil, ".index.html.aB3xYz", "built-in: rsync temporary"},
		{nil, "a/..htaccess.Q7pLm2", "built-in: rsync temporary"},
		{nil, ".env.sample", ""},
		{nil, ".env.Sample", ""},
		{nil, ".htaccess.backup", ""},
		{nil, ".htaccess.202401", ""},
		{nil, ".profile.bak001", ""},
		{nil, ".x.aB3xYzz", ""},
		{nil, ".x.aB3xY", ""},
		{nil, "x.aB3xYz", ""},
		{nil, "..aB3xYz", ""},
		{nil, ".aB3xYz", ""},
		{nil, ".x.aB3-Yz", ""},
		{nil, "a/.~tmp~/", "built-in: rsync --delay"},
		{nil, "a/.~tmp~/x", "built-in: rsync --delay"},
		{nil, ".rsync-partial/", "built-in: rsync --partial"},
		{nil, ".unison.a.png.1a2b3c.unison.tmp", "built-in: unison"},
		{nil, ".unison.tmp", ""},
		{nil, "a/.syncthing.a.png.tmp", "built-in: syncthing temp"},
		{nil, "~syncthing~a.png.tmp", "built-in: syncthing temp"},
		{nil, "~syncthing~a.png", ""},
		{nil, ".stfolder/", "built-in: syncthing's"},
		{nil, ".stversions/a", "built-in: syncthing's"},
		{nil, ".duet/", "built-in: Duet"},
		{nil, "a/.duet/stage/x", "built-in: Duet"},
		{nil, ".duet-images/", "built-in: Duet"},
		{nil, ".duet-images/kept/1", "built-in: Duet"},
		{nil, ".duet-notes", ""},
		{nil, "duet", ""},
		{own, ".stfolder/", ""},
		{own, ".duet/", "built-in: Duet"},
		{own, "a.bak", "*.bak"},
		{own, "~syncthing~a.png.tmp", "built-in: syncthing temp"},
	}
	for _, test := range tests {
		p := index.Path(strings.TrimSuffix(test.name, "/"))
		got, ok := test.rules.Match(p, string(p) != test.name)
		if ok != (test.want != "") || !strings.HasPrefix(got, test.want) && ok {
			t.Errorf("%q: %q, %v; want %q", test.name, got, ok, test.want)
		}
	}
	if (*Rules)(nil).Ignored(index.Root, true) {
		t.Error("the root is ignored")
	}
}

// Whatever the rules, matching ends, and what is below an ignored directory is
// ignored as well.
func FuzzRules(f *testing.F) {
	for _, test := range ruleTests {
		f.Add(test.rules, strings.ReplaceAll(test.ignored, " ", "/"), true)
	}
	f.Add("[[:", "a", false)
	f.Add("[a-\\", "a", false)
	f.Fuzz(func(t *testing.T, text, raw string, dir bool) {
		p, err := index.ParsePath(raw)
		if err != nil || len(text) > 500 || len(raw) > 500 {
			return // long ones only take long
		}
		rules, err := ParseRules(strings.Split(text, "\n"))
		if err != nil {
			return
		}
		ignored := rules.Ignored(p, dir)
		if line, ok := rules.Match(p, dir); ok != ignored || ok && line == "" {
			t.Errorf("Match %q, %v; Ignored %v", line, ok, ignored)
		}
		if parent := p.Parent(); parent != index.Root && rules.Ignored(parent, true) && !ignored {
			t.Errorf("%q is ignored, but not %q", parent, p)
		}
		if rules.Ignored(p, true) {
			if child, err := p.Join("child"); err == nil && !rules.Ignored(child, false) {
				t.Errorf("%q is ignored, but not %q", p, child)
			}
		}
	})
}
