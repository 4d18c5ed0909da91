package vfs

import (
	"math"
	"os/user"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ownerAge is how long an answer of the user database is believed: users are
// added and removed while the daemon runs.
const ownerAge = time.Minute

// maxOwners bounds each of the caches. Names come from the peer.
const maxOwners = 4096

// Owners turns the numbers of users and groups into names and back. It asks
// the system's user database, which may be slow, and remembers the answers for
// a minute.
type Owners struct {
	users, groups names
}

// NewOwners returns an empty cache over the system's user database.
func NewOwners() *Owners {
	return &Owners{
		users: names{
			name: func(id string) (string, error) {
				u, err := user.LookupId(id)
				if err != nil {
					return "", err
				}
				return u.Username, nil
			},
			id: func(name string) (string, error) {
				u, err := user.Lookup(name)
				if err != nil {
					return "", err
				}
				return u.Uid, nil
			},
		},
		groups: names{
			name: func(id string) (string, error) {
				g, err := user.LookupGroupId(id)
				if err != nil {
					return "", err
				}
				return g.Name, nil
			},
			id: func(name string) (string, error) {
				g, err := user.LookupGroup(name)
				if err != nil {
					return "", err
				}
				return g.Gid, nil
			},
		},
	}
}

// Name returns the name of a user; the number in decimal if it has none.
func (o *Owners) Name(uid uint32) string { return o.users.nameOf(uid) }

// ID returns the number of a user, by name or by number in decimal. false:
// there is no such user here.
func (o *Owners) ID(name string) (int64, bool) { return o.users.idOf(name) }

// GroupName returns the name of a group; the number in decimal if it has none.
func (o *Owners) GroupName(gid uint32) string { return o.groups.nameOf(gid) }

// GroupID returns the number of a group, by name or by number in decimal.
// false: there is no such group here.
func (o *Owners) GroupID(name string) (int64, bool) { return o.groups.idOf(name) }

// names is the cache of one half of the user database, and how to ask it.
type names struct {
	name func(id string) (string, error)
	id   func(name string) (string, error)

	mu     sync.Mutex // never held while the database is asked
	byID   map[uint32]named
	byName map[string]named
}

type named struct {
	name  string
	id    int64 // -1: there is none of that name
	until time.Time
}

func (n *names) nameOf(id uint32) string {
	now := time.Now()
	n.mu.Lock()
	known, ok := n.byID[id]
	n.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.name
	}
	decimal := strconv.FormatUint(uint64(id), 10)
	name, err := n.name(decimal)
	if err != nil || !validOwner(name) {
		// RACE: a database that does not answer looks like one that does not
		// know the number. The entry then says the number for a while, which
		// means the same user here.
		name = decimal
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.byID == nil || len(n.byID) >= maxOwners {
		n.byID = make(map[uint32]named)
	}
	n.byID[id] = named{name: name, id: int64(id), until: now.Add(ownerAge)}
	return name
}

func (n *names) idOf(name string) (int64, bool) {
	if !validOwner(name) {
		return 0, false
	}
	now := time.Now()
	n.mu.Lock()
	known, ok := n.byName[name]
	n.mu.Unlock()
	if !ok || !now.Before(known.until) {
		known = named{name: name, id: n.ask(name), until: now.Add(ownerAge)}
		n.mu.Lock()
		if n.byName == nil || len(n.byName) >= maxOwners {
			n.byName = make(map[string]named)
		}
		n.byName[name] = known
		n.mu.Unlock()
	}
	if known.id < 0 {
		return 0, false
	}
	return known.id, true
}

// ask returns the number of a name, -1 if it has none.
func (n *names) ask(name string) int64 {
	decimal, err := n.id(name)
	if err != nil {
		decimal = name // an owner that has no name is written as its number
	}
	id, err := strconv.ParseUint(decimal, 10, 32)
	// All ones means "leave it" to chown(2); and one number has one spelling.
	if err != nil || id == math.MaxUint32 || strconv.FormatUint(id, 10) != decimal {
		return -1
	}
	return int64(id)
}

// validOwner refuses what cannot be in a user database, and could confuse one.
func validOwner(name string) bool {
	return name != "" && len(name) <= 255 && !strings.ContainsAny(name, ":/\x00\n\r")
}
