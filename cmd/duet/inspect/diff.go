package inspect

import (
	"fmt"
	"strings"

	"duet/recovery/compare"
	"duet/replicate/report"
	"duet/store"
	"duet/store/index"
)

// Differing is a row of diff: one path.
type Differing struct {
	Share  string   `json:"share"`
	Path   string   `json:"path"`
	Letter string   `json:"letter"` // = X L R T
	State  string   `json:"state"`  // equal, here, there, held, moving, drift
	What   []string `json:"what"`   // what is not the same of X: kind, content, target, mtime, mode, owner
	Ours   *Entry   `json:"ours"`   // null: never heard of
	Theirs *Entry   `json:"theirs"`
}

// Compared is the last row of diff.
type Compared struct {
	Share     string           `json:"share"`
	Done      bool             `json:"done"` // true: nothing is missing
	Peer      string           `json:"peer"`
	Same      int64            `json:"same"`   // paths
	Differ    int64            `json:"differ"` // paths, for whatever reason
	Letters   map[string]int64 `json:"letters"`
	States    map[string]int64 `json:"states"`
	Ours      Digest           `json:"our_digest"` // at the beginning
	Theirs    Digest           `json:"their_digest"`
	Head      uint64           `json:"head"` // our journal when it began
	Heard     uint64           `json:"heard"`
	PeerHead  uint64           `json:"peer_head"`
	PeerHeard uint64           `json:"peer_heard"`
	Until     uint64           `json:"until"` // our journal when it ended
}

// Digest stands for all live entries of a node.
type Digest struct {
	Sum   string `json:"sum"`
	Paths int64  `json:"paths"`
}

// NewNamesOf reads the meta record for NewNames.
func NewNamesOf(self, peer string, view func(func(*store.Tx) error) error) (n Names, err error) {
	err = view(func(tx *store.Tx) error {
		meta, err := tx.Meta()
		n = NewNames(self, peer, meta)
		return err
	})
	return n, err
}

// Differing is the row for a difference.
func (n Names) Differing(share string, d compare.Difference) Differing {
	return Differing{
		Share: share, Path: d.Path.String(), Letter: d.Letter.String(), State: string(d.State), What: unlike(d.Ours, d.Theirs),
		Ours: n.entry(d.Ours), Theirs: n.entry(d.Theirs),
	}
}

// unlike names the fields in which two live entries differ.
func unlike(a, b *index.Entry) []string {
	out := []string{}
	if !a.Live() || !b.Live() {
		return out
	}
	if a.Kind != b.Kind {
		return append(out, "kind")
	}
	note := func(differs bool, what string) {
		if differs {
			out = append(out, what)
		}
	}
	note(a.Hash != b.Hash || a.Size != b.Size, "content")
	note(a.Target != b.Target, "target")
	note(a.ModTime != b.ModTime, "mtime")
	note(a.Mode != b.Mode, "mode")
	note(a.Owner != b.Owner && a.Owner != "" && b.Owner != "" || a.Group != b.Group && a.Group != "" && b.Group != "", "owner")
	return out
}

// NewCompared is the row for what a comparison came to.
func NewCompared(share, peer string, s *compare.Summary) Compared {
	row := Compared{
		Share: share, Done: true, Peer: peer, Same: s.Letters[compare.Same], Differ: s.Differences(),
		Letters: map[string]int64{}, States: map[string]int64{},
		Ours: Digest{s.Ours.Sum.String(), s.Ours.Count}, Theirs: Digest{s.Theirs.Sum.String(), s.Theirs.Count},
		Head: uint64(s.Here.Head), Heard: uint64(s.Here.Heard), PeerHead: uint64(s.There.Head), PeerHeard: uint64(s.There.Heard),
		Until: uint64(s.Until.Head),
	}
	for l, n := range s.Letters {
		row.Letters[l.String()] = n
	}
	for st, n := range s.States {
		row.States[string(st)] = n
	}
	return row
}

// Text is the row in one line.
func (d Differing) Text(s Style) string {
	line := d.Letter + " " + s.path(d.Share, d.Path)
	var notes []string
	if len(d.What) > 0 {
		notes = append(notes, strings.Join(d.What, ", "))
	}
	if d.Letter == compare.Tombstone.String() {
		gone, where := d.Theirs, "there"
		if d.Theirs == nil || d.Theirs.Kind != index.Gone.String() {
			gone, where = d.Ours, "here"
		}
		by := ""
		if gone.Origin != "" {
			by = " by " + gone.Origin
		}
		notes = append(notes, "deleted "+where+by)
	}
	if why := stateText(compare.State(d.State)); why != "" {
		notes = append(notes, why)
	}
	if len(notes) > 0 {
		line += "  (" + strings.Join(notes, "; ") + ")"
	}
	return line + "\n"
}

func stateText(s compare.State) string {
	switch s {
	case compare.ToDo:
		return "to be done here"
	case compare.ToCome:
		return "to be done on the peer"
	case compare.Waits:
		return "conflict: waits for a person"
	case compare.Moving:
		return "on its way"
	case compare.Drift:
		return "drift: both take it for agreement"
	}
	return ""
}

// Text is the row in one line.
func (c Compared) Text() string {
	if c.Differ == 0 {
		return fmt.Sprintf("%s: the same here and on %s: %s, digest %.16s\n", c.Share, c.Peer, report.Count(c.Same, "path"), c.Ours.Sum)
	}
	var notes []string
	for _, s := range []compare.State{compare.ToDo, compare.ToCome, compare.Moving, compare.Waits, compare.Drift} {
		if n := c.States[string(s)]; n > 0 {
			notes = append(notes, fmt.Sprintf("%d %s", n, stateText(s)))
		}
	}
	return fmt.Sprintf("%s: not the same here and on %s: %d of %s: %s\n", c.Share, c.Peer, c.Differ, report.Count(c.Same+c.Differ, "path"), strings.Join(notes, ", "))
}

// Drift is how many paths differ that nothing will bring together.
func (c *Compared) Drift() int64 {
	if c == nil {
		return 0
	}
	return c.States[string(compare.Drift)]
}

// Agreed says by which digest both are the same, if they are; nil says nothing.
func (c *Compared) Agreed() string {
	if c == nil || c.Differ > 0 {
		return ""
	}
	return fmt.Sprintf(", digest %.16s on both", c.Ours.Sum)
}
