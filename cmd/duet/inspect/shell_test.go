package inspect

import (
	"strings"
	"testing"
)

// The commands that a row proposes do what they say, whatever the path is called and
// however many shares there are.
func TestProposedCommands(t *testing.T) {
	file := &Entry{Kind: "file", Size: 1}
	kept := Kept{Share: "www", ID: 7, Path: "my file.png", Entry: file}
	conflict := Conflict{Share: "www", ID: 3, Path: "my file.png", Winner: file, Loser: file, Ours: file, Theirs: file, Kept: 7}
	for _, c := range []struct{ text, want string }{
		{KeptDetail{Kept: kept}.text(Style{}), "duet kept restore 7 --share www\n"},
		{conflict.text(Style{}), "duet kept restore 7 --share www)"},
		{ConflictDetail{Conflict: conflict}.text(Style{}), "duet conflicts diff 'www:my file.png'\n"},
		{ConflictDetail{Conflict: conflict}.text(Style{}), "duet conflicts resolve 'www:my file.png' --take ours|theirs|newest\n"},
	} {
		if !strings.Contains(c.text, c.want) {
			t.Errorf("no %q in:\n%s", c.want, c.text)
		}
	}
}

func TestShell(t *testing.T) {
	for word, want := range map[string]string{
		"": "''", "www:a/b.png": "www:a/b.png", "a b": "'a b'", "it's": `'it'\''s'`, "$(x)": "'$(x)'", `"a\nb"`: `'"a\nb"'`, "*": "'*'", "~": "'~'",
	} {
		if got := Shell(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}
