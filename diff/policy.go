package diff

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"duet/store/index"
)

// Rule is how a share settles a true conflict.
type Rule uint8

// The conflict rules. Ties end in a fixed order of entries, see better.
const (
	Newer   Rule = iota // the later modification time wins
	Older               // the earlier modification time wins
	Larger              // more bytes win
	Smaller             // fewer bytes win
	OnHold              // nobody wins until a person has decided
	Node                // what Policy.Winner has wins
)

var ruleWords = []string{"newer", "older", "larger", "smaller", "hold", "node"}

func (r Rule) String() string {
	if int(r) >= len(ruleWords) {
		return fmt.Sprintf("rule(%d)", uint8(r))
	}
	return ruleWords[r]
}

// Deletes is how far a share follows the peer's deletes.
type Deletes uint8

// The ways of following deletes.
const (
	Track   Deletes = iota // every delete
	Running                // those noticed while the nodes were connected
	Never                  // none
)

var deletesWords = []string{"track", "running", "never"}

func (d Deletes) String() string {
	if int(d) >= len(deletesWords) {
		return fmt.Sprintf("deletes(%d)", uint8(d))
	}
	return deletesWords[d]
}

// Policy is what a share is configured to do. The zero Policy is the default.
// Both nodes must have the same one, but for Self and Peer: two nodes that
// settle a conflict by different rules do not agree.
type Policy struct {
	Conflict Rule
	Winner   index.NodeID // Node: whose state wins
	Self     index.NodeID
	Peer     index.NodeID
	Deletes  Deletes
}

// Mirror returns p as the peer has it.
func (p Policy) Mirror() Policy {
	p.Self, p.Peer = p.Peer, p.Self
	return p
}

// weak reports whether this share does not follow the delete that t stands for.
func (p Policy) weak(t *index.Entry) bool {
	return p.Deletes == Never || p.Deletes == Running && t.Apart
}

// ParseConflict reads the configuration word of a conflict rule: "newer" (also
// if empty), "older", "larger", "smaller", "hold", or the name of one of the
// nodes, whose id is then the second result.
func ParseConflict(word string, nodes map[string]index.NodeID) (Rule, index.NodeID, error) {
	if word == "" {
		return Newer, 0, nil
	}
	if i := slices.Index(ruleWords[:Node], word); i >= 0 {
		return Rule(i), 0, nil
	}
	if id, ok := nodes[word]; ok {
		return Node, id, nil
	}
	names := strings.Join(slices.Sorted(maps.Keys(nodes)), ", ")
	return 0, 0, fmt.Errorf("conflict rule %q: want newer, older, larger, smaller, hold or a node's name (%s)", word, names)
}

// ParseDeletes reads the configuration word of a delete rule; empty is "track".
func ParseDeletes(word string) (Deletes, error) {
	if word == "" {
		return Track, nil
	}
	if i := slices.Index(deletesWords, word); i >= 0 {
		return Deletes(i), nil
	}
	return 0, fmt.Errorf("delete rule %q: want track, running or never", word)
}
