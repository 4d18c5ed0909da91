package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"duet/integration/rig"
)

// Commands and configurations that cannot be right: the exit code, and what
// the message must at least say. Everything is told on standard error.
func TestBadInput(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		old, new string   // in the configuration
		args     []string // default: run
		code     int
		says     []string // regular expressions
	}{
		"unknown key":              {old: "peer:", new: "pear: 1\npeer:", code: 2, says: []string{"pear", `duet\.yaml:\d+|line \d+`}},
		"unknown key of a share":   {old: "    path:", new: "    colour: red\n    path:", code: 2, says: []string{"colour", `duet\.yaml:\d+|line \d+`}},
		"not YAML":                 {old: "peer:", new: "peer: [", code: 2, says: []string{`duet\.yaml`}},
		"no peer key":              {old: "  key: ", new: "  # key: ", code: 2, says: []string{"peer", "key", "duet key"}},
		"peer key that is none":    {old: "  key: ssh-ed25519 ", new: "  key: ssh-ed25519 xx", code: 2, says: []string{"peer", "key"}},
		"peer key of another kind": {old: "  key: ssh-ed25519 ", new: "  key: ssh-rsa ", code: 2, says: []string{"key", "ed25519"}},
		"own key as the peer's":    {old: "OWN", code: 2, says: []string{"key", "own|this node|itself"}},
		"overlapping shares":       {old: "shares:", new: "shares:\n  - {name: inner, path: ROOT/inner}", code: 2, says: []string{"inner", "data", "overlap|inside|contains"}},
		"same name twice":          {old: "shares:", new: "shares:\n  - {name: data, path: /nowhere}", code: 2, says: []string{"data", "twice|same|duplicate|two shares"}},
		"no path":                  {old: "    path:", new: "    # path:", code: 2, says: []string{"data", "path"}},
		"relative path":            {old: `    path: "`, new: `    path: "relative`, code: 2, says: []string{"absolute"}},
		"unknown conflict rule":    {old: "    path:", new: "    conflict: coin\n    path:", code: 2, says: []string{"coin", "newer"}},
		"unknown delete rule":      {old: "    path:", new: "    deletes: maybe\n    path:", code: 2, says: []string{"maybe", "track"}},
		"bad max_delete":           {old: "    path:", new: "    max_delete: lots\n    path:", code: 2, says: []string{"max_delete", "lots"}},
		"neither listen nor dial":  {old: "DEAF", code: 2, says: []string{"listen", "address"}},
		"unknown command":          {args: []string{"frobnicate"}, code: 2, says: []string{"frobnicate"}},
		"unknown flag":             {args: []string{"run", "--frobnicate"}, code: 2, says: []string{"frobnicate"}},
		"unknown share":            {args: []string{"recover", "nowhere", "--dry-run"}, code: 2, says: []string{"nowhere", "data"}},
		"init over a config":       {args: []string{"init", "--node", "x", "--share", "s=/srv/s"}, code: 2, says: []string{"exists|already", `duet\.yaml`}},
		"status without a daemon":  {args: []string{"status"}, code: 7, says: []string{"not running|no daemon", "duet run"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := rig.NewPair(t, rig.Options{})
			n := p.A
			switch c.old {
			case "":
			case "OWN":
				n.EditConfig(t, p.B.Key, n.Key)
			case "DEAF":
				n.EditConfig(t, "listen:", "#listen:")
			default:
				n.EditConfig(t, c.old, strings.ReplaceAll(c.new, "ROOT", n.At()))
			}
			if len(c.args) == 0 {
				c.args = []string{"run"}
			}
			before := read(t, n.Config)
			out, errs, code := n.Duet(c.args...)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			for _, want := range c.says {
				if !regexp.MustCompile(want).MatchString(errs) {
					t.Errorf("the message lacks %q", want)
				}
			}
			if strings.Contains(errs, "goroutine ") {
				t.Error("it shows a stack")
			}
			if read(t, n.Config) != before {
				t.Error("the configuration was changed")
			}
			if t.Failed() {
				t.Logf("duet %s: code %d\nstdout: %s\nstderr: %s", strings.Join(c.args, " "), code, out, errs)
			}
		})
	}
}

func TestMissingConfig(t *testing.T) {
	t.Parallel()
	p := rig.NewPair(t, rig.Options{})
	must(t, os.Remove(p.A.Config))
	_, errs, code := p.A.Duet("run")
	if code != 2 || !strings.Contains(errs, p.A.Config) || !strings.Contains(errs, "duet init") {
		t.Errorf("exit code %d, %s", code, errs)
	}
}

// Only one daemon may use a state directory, and the second one must not harm
// the first.
func TestTwoDaemonsOneState(t *testing.T) {
	t.Parallel()
	p := rig.NewPair(t, rig.Options{})
	p.Start()
	plant(t, p, 10)
	_, errs, code := p.A.Duet("run")
	if code == 0 || !strings.Contains(errs, p.A.State) || !regexp.MustCompile("runs|running|in use|another").MatchString(errs) {
		t.Errorf("exit code %d, %s", code, errs)
	}
	write(t, p.A.At("after"), "")
	p.Settle(patience)
	if s, err := p.A.Status(); err != nil || s.Code != 0 {
		t.Errorf("the first daemon: exit code %d, %v", s.Code, err)
	}
}

// Both say which share the other does not have, and nothing is synced.
func TestShareNamesDiffer(t *testing.T) {
	t.Parallel()
	p := rig.NewPair(t, rig.Options{})
	p.B.EditConfig(t, "name: data", "name: date")
	p.B.Shares = []string{"date"}
	must(t, os.MkdirAll(p.B.Root("date"), 0o755))
	write(t, p.A.At("file"), "")
	p.B.EditConfig(t, p.B.Root("data"), p.B.Root("date"))
	p.Start()
	// b dials, so b is refused, with the name that a does not know.
	var s rig.Status
	if !rig.Until(patience, func() bool {
		var err error
		s, err = p.B.Status()
		return err == nil && regexp.MustCompile(`no share.*date|share.*date.*(not|unknown)|unknown share`).MatchString(s.Text)
	}) {
		t.Errorf("b's status does not say why: %s\n%s", s.Text, p.B.LogTail(10))
	}
	if s.Code != 4 {
		t.Errorf("status exits with %d, want 4", s.Code)
	}
	if !rig.Until(patience, func() bool { return strings.Contains(p.A.LogTail(1000), "date") }) {
		t.Errorf("a does not say which share was asked for\n%s", p.A.LogTail(20))
	}
	if got := p.B.Tree(); len(got) > 0 {
		t.Errorf("b got %q", got.Paths())
	}
}

// A peer that answers with another key is not talked to, on either side.
func TestWrongKey(t *testing.T) {
	for name, side := range map[string]int{"the dialler pins another": 1, "the listener pins another": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, stranger := rig.NewPair(t, rig.Options{}), rig.NewPair(t, rig.Options{})
			n, other := p.Nodes()[side], p.Nodes()[1-side]
			n.EditConfig(t, other.Key, stranger.A.Key)
			write(t, p.A.At("file"), "secret")
			p.Start()
			if !rig.Until(patience, func() bool { return strings.Contains(n.LogTail(1000), "SHA256:") }) {
				t.Errorf("%s does not log the fingerprint\n%s", n.Name, n.LogTail(20))
			}
			p.B.Await(patience, "told why", func(s rig.ShareStatus) bool {
				st, err := p.B.Status()
				return err == nil && !st.Peer.Connected && regexp.MustCompile(`key|refused|authenticat`).MatchString(st.Text)
			})
			if got := p.B.Tree(); len(got) > 0 {
				t.Errorf("b got %q", got.Paths())
			}
		})
	}
}

// A directory that the daemon may not read is a problem of that directory:
// shown, nothing below it deleted at the peer, everything else in sync, and
// gone when the directory can be read again.
func TestUnreadableDirectory(t *testing.T) {
	t.Parallel()
	o := rig.Options{Share: map[string]string{"rescan": "2s"}}
	if os.Getuid() == 0 {
		o.User = rig.Nobody // to root nothing is unreadable
	}
	p := rig.NewPair(t, o)
	p.Start()
	mkdir(t, p.A.At("closed", "below"))
	write(t, p.A.At("closed", "below", "file"), "still here")
	write(t, p.A.At("closed", "unreadable"), "")
	give(t, o.User, p.A.At())
	p.Settle(patience)
	p.A.Stop()
	must(t, os.Chmod(p.A.At("closed"), 0))
	p.A.Start()
	write(t, p.A.At("open"), "synced all the same")
	give(t, o.User, p.A.At("open"))
	s := p.A.Await(patience, "showing the problem", func(s rig.ShareStatus) bool { return len(s.Trouble()) > 0 })
	if problem := s.Trouble()[0]; problem.Path != "closed" || !strings.Contains(problem.Error, "permission denied") {
		t.Errorf("problem: %+v", problem)
	}
	if !rig.Until(patience, func() bool { _, err := os.Stat(p.B.At("open")); return err == nil }) {
		t.Errorf("one directory stops the others\n%s", p.A.LogTail(20))
	}
	if got := read(t, p.B.At("closed", "below", "file")); got != "still here" {
		t.Errorf("on b: %q", got)
	}
	if s, err := p.A.Status(); err != nil || s.Code != 1 {
		t.Errorf("status exits with %d, %v; want 1", s.Code, err)
	}
	must(t, os.Chmod(p.A.At("closed"), 0o755))
	p.Settle(patience)
	if got := read(t, p.B.At("closed", "below", "file")); got != "still here" {
		t.Errorf("on b afterwards: %q", got)
	}
}

// give hands what the test made to the user that runs the daemons.
func give(t *testing.T, user *rig.User, root string) {
	t.Helper()
	if user == nil {
		return
	}
	must(t, filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(user.UID), int(user.GID))
	}))
}

// SIGTERM ends a daemon in an orderly way; a second one ends it at once.
func TestSignals(t *testing.T) {
	t.Parallel()
	p := rig.NewPair(t, rig.Options{})
	p.Start()
	plant(t, p, 20)
	p.A.Signal(syscall.SIGTERM)
	p.A.Signal(syscall.SIGTERM)
	p.A.Exit(patience)
	p.B.Stop()
	p.CheckIndexes()
}
