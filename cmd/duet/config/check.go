package config

import (
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"duet/diff"
	"duet/recovery"
	"duet/replicate/pace"
	"duet/store/index"
)

var (
	goodName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
	policies = []string{"newer", "older", "larger", "smaller", "hold"}
)

// checker collects problems, each at the line of the key that has it.
type checker struct {
	*Config
	probs Problems
	stray bool // a path is not absolute, so that paths cannot be compared
}

func (c *checker) add(key, do, what string, args ...any) {
	c.probs = append(c.probs, Problem{c.lines.where(key), fmt.Sprintf(what, args...), do, key})
}

func (c *Config) check() Problems {
	ch := &checker{Config: c}
	ch.node()
	ch.peer()
	ch.dir("state", "state", c.State)
	if _, err := pace.ParseTimetable(c.BWLimit); err != nil {
		ch.add("bwlimit", "write how much a second, such as 10MiB, times and limits such as \"08:00,512k 23:00,off\", or off", "bwlimit %v", err)
	}
	if len(c.Shares) == 0 {
		ch.add("shares", "write at least one '- name: NAME' with its 'path: /DIRECTORY' under 'shares:'", "there is no share")
	}
	for i := range c.Shares {
		ch.share(i)
	}
	if !ch.stray {
		ch.overlaps()
	}
	return ch.probs
}

func (c *checker) node() {
	switch {
	case c.Node == "":
		c.add("node", "write 'node: NAME', this host's name for people", "node is missing")
	case !nodeName(c.Node):
		c.add("node", "use letters, digits, '.', '_' and '-', and no name of a conflict policy", "node name %q cannot be used", c.Node)
	}
	if c.Listen == "" && c.Peer.Address == "" {
		c.add("listen", "write 'listen: \":7722\"' here, or 'address: HOST:PORT' under 'peer:', or both",
			"neither listen nor peer.address is there, so the two nodes can never meet")
	}
	if c.Listen != "" {
		c.address("listen", c.Listen, false)
	}
}

func (c *checker) peer() {
	p := c.Peer
	switch {
	case p.Name == "":
		c.add("peer.name", "write 'name: NAME' under 'peer:', as in the other host's 'node:'", "peer.name is missing")
	case !nodeName(p.Name):
		c.add("peer.name", "use letters, digits, '.', '_' and '-', and no name of a conflict policy", "peer.name %q cannot be used", p.Name)
	case p.Name == c.Node:
		c.add("peer.name", "give the two nodes different names", "peer.name is this node's own name, %q", p.Name)
	}
	if p.Address != "" {
		c.address("peer.address", p.Address, true)
	}
	if strings.TrimSpace(p.Key) == "" {
		c.add("peer.key", "run 'duet key' on the other host and write what it prints after 'key:' under 'peer:'", "peer.key is missing")
		return
	}
	if err := checkKey(p.Key); err != nil {
		c.add("peer.key", "copy the whole line that 'duet key' prints on the other host, 'ssh-ed25519 AAAA...'", "peer.key: %v", err)
	}
}

func nodeName(s string) bool { return goodName.MatchString(s) && !slices.Contains(policies, s) }

func (c *checker) address(key, value string, host bool) {
	h, port, err := net.SplitHostPort(value)
	n, nerr := strconv.Atoi(port)
	switch {
	case err != nil:
		do := "write HOST:PORT, for example \"" + strings.Trim(value, ":") + ":7722\""
		if _, numeric := strconv.Atoi(value); numeric == nil {
			do = "write HOST:PORT, for example \":" + value + "\""
		}
		c.add(key, do, "%s %q: %v", key, value, plainAddrError(err))
	case nerr != nil || n < 0 || n > 65535 || host && n == 0:
		c.add(key, "use a port number from 1 to 65535", "%s %q: bad port", key, value)
	case host && h == "":
		c.add(key, "write the other host's name or IP address before the colon", "%s %q names no host", key, value)
	}
}

func plainAddrError(err error) string {
	if a, ok := err.(*net.AddrError); ok {
		return a.Err
	}
	return err.Error()
}

// dir checks an absolute directory.
func (c *checker) dir(key, name, path string) {
	c.stray = c.stray || !filepath.IsAbs(path)
	switch {
	case path == "":
		c.add(key, "write an absolute directory", "%s is missing", name)
	case !filepath.IsAbs(path):
		c.add(key, "write the absolute path, starting with '/'", "%s %q is not absolute", name, path)
	case strings.IndexByte(path, 0) >= 0:
		c.add(key, "remove it", "%s %q contains a NUL byte", name, path)
	}
}

func (c *checker) share(i int) {
	s := &c.Shares[i]
	key := func(k string) string { return shareKey(i, k) }
	switch {
	case s.Name == "":
		c.add(key("name"), "write 'name: NAME', the same name on both hosts", "share %d has no name", i+1)
	case !goodName.MatchString(s.Name) || s.Name == "." || s.Name == "..":
		c.add(key("name"), "use letters, digits, '.', '_' and '-'", "share name %q cannot be used", s.Name)
	}
	for j := range i {
		if s.Name != "" && c.Shares[j].Name == s.Name {
			c.add(key("name"), "give it another name, or remove one of the two", "share %q is there twice, first at %s",
				s.Name, c.lines.where(shareKey(j, "name")))
		}
	}
	c.dir(key("path"), "path of share "+strconv.Quote(s.Name), s.Path)
	if s.Holding != "" {
		c.dir(key("holding"), "holding of share "+strconv.Quote(s.Name), s.Holding)
	}
	c.policy(s, key)
	if err := checkOwner(s.Owner); err != nil {
		c.add(key("owner"), "write USER or USER:GROUP, names or numbers that exist on this host", "owner %q: %v", s.Owner, err)
	}
	if err := checkIgnore(s.Ignore); err != nil {
		c.add(key("ignore"), "correct the pattern; the syntax is that of .gitignore", "ignore: %v", err)
	}
	if s.Settle <= 0 {
		c.add(key("settle"), "write a duration such as 5ms", "settle must be more than 0")
	}
	if s.MaxSettle < s.Settle {
		c.add(key("max_settle"), "write a duration such as 10s, not less than settle", "max_settle %v is less than settle %v", s.MaxSettle, s.Settle)
	}
	if s.Hashers < 0 || s.Hashers > 256 {
		c.add(key("hashers"), "leave it out, or write a number from 1 to 256", "hashers %d", s.Hashers)
	}
	if s.ScanNice < 0 || s.ScanNice > 19 {
		c.add(key("scan_nice"), "write a number from 0 to 19, as for nice(1)", "scan_nice %d", s.ScanNice)
	}
	if s.Transfers < 2 || s.Transfers > 8 {
		c.add(key("transfers"), "leave it out, or write a number from 2 to 8", "transfers %d", s.Transfers)
	}
}

func (c *checker) policy(s *Share, key func(string) string) {
	nodes := map[string]index.NodeID{c.Node: 1, c.Peer.Name: 2} // which id does not matter here
	if _, _, err := diff.ParseConflict(s.Conflict, nodes); err != nil {
		words := slices.Clone(policies)
		for _, name := range []string{c.Node, c.Peer.Name} {
			if name != "" {
				words = append(words, name)
			}
		}
		c.add(key("conflict"), choose(s.Conflict, words), "conflict policy %q is not known", s.Conflict)
	}
	if _, err := diff.ParseDeletes(s.Deletes); err != nil {
		c.add(key("deletes"), choose(s.Deletes, []string{"track", "running", "never"}), "deletes %q is not known", s.Deletes)
	}
	if words := []string{"auto", "hold"}; !slices.Contains(words, s.OnReconnect) {
		c.add(key("on_reconnect"), choose(s.OnReconnect, words), "on_reconnect %q is not known", s.OnReconnect)
	}
	if _, err := s.Hold(); err != nil {
		c.add(key("hold_after"), "write a time such as 24h or 2d, or off", "hold_after %v", err)
	}
	_, _, wrong := s.limits()
	_, _, unverified := s.verify()
	maps.Copy(wrong, unverified)
	for _, k := range slices.Sorted(maps.Keys(wrong)) {
		c.add(key(k), keepForms[k], "%s %v", k, wrong[k])
	}
	c.bounds(s, key)
}

// bounds checks max_delete and what belongs to it.
func (c *checker) bounds(s *Share, key func(string) string) {
	switch _, i, err := recovery.ParseBounds(s.MaxDelete, s.Bounds()); {
	case err == nil:
	case i < 0:
		c.add(key("max_delete"), "write a number of paths such as 1000, or a percentage such as 50%", "%v", err)
	default:
		c.add(key(fmt.Sprintf("max_delete_under.%d", i)), "write {dir: /DIRECTORY, limit: 200}: a directory of the share, and a number of paths or a percentage", "%v", err)
	}
	if s.MaxDeleteWindow < time.Second || s.MaxDeleteWindow > 24*time.Hour {
		c.add(key("max_delete_window"), "write a duration from 1s to 24h, such as 10m", "max_delete_window is %v", s.MaxDeleteWindow)
	}
}

// keepForms says how the values of keep, min_free and journal are written.
var keepForms = map[string]string{
	"keep.age":      "write a time such as 30d, 12h or 1d12h, or off",
	"keep.versions": "write a number such as 10, or off",
	"keep.size":     "write a size such as 20GB or 10%, or off",
	"min_free":      "write a size such as 2GiB or 5%, or off",
	"journal.age":   "write a time such as 90d, or off",
	"journal.size":  "write a size such as 1GiB, or off",
	"verify_every":  "write a time such as 30d, or off",
	"verify_rate":   "write how much a second, such as 32MiB, or off",
}

func choose(got string, words []string) string {
	best, bestDist := "", 3
	for _, w := range words {
		if d := distance(strings.ToLower(got), w); d < bestDist {
			best, bestDist = w, d
		}
	}
	text := "write one of " + strings.Join(words, ", ")
	if best != "" {
		return fmt.Sprintf("did you mean %q? %s", best, text)
	}
	return text
}

// A place is a directory of this config that another may not contain.
type place struct{ key, what, path string }

// overlaps refuses a share inside another share, and holding or state
// directories inside a share: both would sync what is not the user's.
func (c *checker) overlaps() {
	var roots []place
	for i, s := range c.Shares {
		roots = append(roots, place{shareKey(i, "path"), fmt.Sprintf("share %q", s.Name), resolved(s.Path)})
	}
	for i, r := range roots {
		for _, q := range roots[:i] {
			switch {
			case inside(r.path, q.path):
				c.add(r.key, "sync only the outer one, or move one of the two", "%s (%s) is inside %s (%s)", r.what, r.path, q.what, q.path)
			case inside(q.path, r.path):
				c.add(r.key, "sync only the outer one, or move one of the two", "%s (%s) contains %s (%s)", r.what, r.path, q.what, q.path)
			}
		}
		if state := resolved(c.State); inside(state, r.path) {
			c.add("state", "name a state directory outside every share with 'state:' or --state",
				"the state directory %s is inside %s (%s), so keys and indexes would be synced", state, r.what, r.path)
		}
	}
	for i, s := range c.Shares {
		if s.Holding == "" {
			continue
		}
		h := resolved(s.Holding)
		for _, r := range roots {
			if inside(h, r.path) {
				c.add(shareKey(i, "holding"), "name a directory beside the share, on the same filesystem, or leave holding out",
					"holding %s is inside %s (%s)", h, r.what, r.path)
			}
		}
		for j := range i {
			if o := c.Shares[j].Holding; o != "" && resolved(o) == h {
				c.add(shareKey(i, "holding"), "give each share its own", "holding %s is also that of share %q", h, c.Shares[j].Name)
			}
		}
	}
}

func inside(p, dir string) bool {
	return p == dir || dir == "/" || strings.HasPrefix(p, dir+"/")
}

// resolved follows the symlinks of as much of path as exists.
func resolved(path string) string {
	path = filepath.Clean(path)
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	parent := filepath.Dir(path)
	if parent == path {
		return path
	}
	return filepath.Join(resolved(parent), filepath.Base(path))
}
