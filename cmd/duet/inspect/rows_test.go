package inspect

import (
	"encoding/json"
	"strings"
	"testing"

	"duet/store/index"
)

// Whatever the peer puts into an entry, no command that prints it steers a
// terminal, or makes one line look like two.
func TestNothingSteersTerminals(t *testing.T) {
	const evil = "\x1b[2J\nroot\u009b1m\xff\u202e"
	rows := []*index.Entry{
		{Kind: index.File, Owner: evil, Group: evil, Size: 1},
		{Kind: index.Dir, Owner: evil, Group: evil},
		{Kind: index.Symlink, Target: evil, Owner: evil},
	}
	for _, e := range rows {
		r := &index.Record{Path: evil, Ours: e, Theirs: e}
		record := Names{}.record("s", r)
		listed := Listed{Share: "s", Path: r.Path.String(), Entry: *record.Ours}
		lost := Names{}.conflict("s", index.Conflict{Path: evil, Loser: e})
		kept := Names{}.kept("s", index.Kept{Path: evil, Entry: e})
		style := Style{Long: true, Marks: true, Share: true}
		said := record.text(style) + listed.text(style) + lost.text(style) + KeptDetail{Kept: kept, Now: record.Ours}.text(style)
		raw, err := json.Marshal([]any{record, listed, lost, kept})
		if err != nil {
			t.Fatal(err)
		}
		said += string(raw)
		if strings.ContainsAny(said, "\x1b\u009b\u202e\ufffd") || strings.Contains(said, "\nroot") {
			t.Errorf("%v: %q", e.Kind, said)
		}
	}
}
