package diff

import (
	"strings"
	"testing"

	"duet/store/index"
)

func TestParseConflict(t *testing.T) {
	nodes := map[string]index.NodeID{"tgt-a": 7, "tgt-b": 9}
	for _, c := range []struct {
		word   string
		rule   Rule
		winner index.NodeID
		err    string
	}{
		{"", Newer, 0, ""},
		{"newer", Newer, 0, ""},
		{"older", Older, 0, ""},
		{"larger", Larger, 0, ""},
		{"smaller", Smaller, 0, ""},
		{"hold", OnHold, 0, ""},
		{"tgt-b", Node, 9, ""},
		{"node", 0, 0, `conflict rule "node"`},
		{"tgt-c", 0, 0, "tgt-a, tgt-b"},
		{"Newer", 0, 0, "newer, older"},
	} {
		rule, winner, err := ParseConflict(c.word, nodes)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q: error %v, want one with %q", c.word, err, c.err)
			}
			continue
		}
		if err != nil || rule != c.rule || winner != c.winner {
			t.Errorf("%q: %v, %v, %v; want %v, %v", c.word, rule, winner, err, c.rule, c.winner)
		}
	}
}

func TestParseDeletes(t *testing.T) {
	for word, want := range map[string]Deletes{"": Track, "track": Track, "running": Running, "never": Never} {
		if got, err := ParseDeletes(word); err != nil || got != want {
			t.Errorf("%q: %v, %v; want %v", word, got, err, want)
		}
	}
	if _, err := ParseDeletes("always"); err == nil || !strings.Contains(err.Error(), "track, running or never") {
		t.Errorf("error %v does not say what is wanted", err)
	}
}
