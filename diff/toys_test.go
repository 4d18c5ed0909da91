package diff

import "duet/store/index"

// Toy entries, by the names that the decision table calls them. "page" and
// "essay" are told apart by every rule: essay is older and larger.
type toy struct {
	name  string
	entry *index.Entry
}

const hour = int64(3600e9)

var (
	page   = toy{"page", &index.Entry{Kind: index.File, Hash: index.Hash{1}, Size: 40, ModTime: 10 * hour, Mode: 0o644, Owner: "web", Group: "web"}}
	closed = toy{"page 0600", &index.Entry{Kind: index.File, Hash: index.Hash{1}, Size: 40, ModTime: 10 * hour, Mode: 0o600, Owner: "web", Group: "web"}}
	essay  = toy{"essay", &index.Entry{Kind: index.File, Hash: index.Hash{2}, Size: 80, ModTime: 9 * hour, Mode: 0o644, Owner: "web", Group: "web"}}
	twin   = toy{"twin", &index.Entry{Kind: index.File, Hash: index.Hash{3}, Size: 40, ModTime: 10 * hour, Mode: 0o644, Owner: "web", Group: "web"}}
	folder = toy{"folder", &index.Entry{Kind: index.Dir, Mode: 0o755, Owner: "web", Group: "web"}}
	shut   = toy{"folder 0700", &index.Entry{Kind: index.Dir, Mode: 0o700, Owner: "web", Group: "web"}}
	link   = toy{"link", &index.Entry{Kind: index.Symlink, Target: "releases/7", ModTime: 10 * hour}}
	relink = toy{"other link", &index.Entry{Kind: index.Symlink, Target: "old", ModTime: 9 * hour}}
	gone   = toy{"gone", &index.Entry{Kind: index.Gone}}
	apart  = toy{"gone, apart", &index.Entry{Kind: index.Gone, Apart: true}}

	// What the table leaves out, as it changes nothing for people.
	nobodys = toy{"page of nobody", &index.Entry{Kind: index.File, Hash: index.Hash{1}, Size: 40, ModTime: 10 * hour, Mode: 0o644}}
	groups  = toy{"page of a group", &index.Entry{Kind: index.File, Hash: index.Hash{1}, Size: 40, ModTime: 10 * hour, Mode: 0o644, Group: "web"}}
)

func toys() []toy {
	return []toy{page, closed, essay, twin, folder, shut, link, relink, gone, apart, nobodys, groups}
}

// at returns the toy as node origin has it, at a version.
func (y toy) at(origin index.NodeID, v, over index.Version) *index.Entry {
	e := *y.entry
	e.Origin, e.Version, e.Over = origin, v, over
	return &e
}

// ab is the version with counter a of node 1 and b of node 2; 0 is none.
func ab(a, b index.Seq) index.Version {
	var v index.Version
	if a > 0 {
		v = v.With(1, a)
	}
	if b > 0 {
		v = v.With(2, b)
	}
	return v
}

type namedPolicy struct {
	conflict, deletes string
	Policy
}

// policies returns all that can be configured, as node 1 has them.
func policies() []namedPolicy {
	var out []namedPolicy
	for r := Newer; r <= Node; r++ {
		for d := Track; d <= Never; d++ {
			p := Policy{Conflict: r, Deletes: d, Self: 1, Peer: 2}
			if r != Node {
				out = append(out, namedPolicy{r.String(), d.String(), p})
				continue
			}
			p.Winner = 1
			out = append(out, namedPolicy{"node here", d.String(), p})
			p.Winner = 2
			out = append(out, namedPolicy{"node there", d.String(), p})
		}
	}
	return out
}
