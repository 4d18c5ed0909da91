package integration

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"duet/integration/rig"
)

var update = flag.Bool("update", false, "write what the commands print into docs/recovery-walkthrough.md")

const walkthrough = "docs/recovery-walkthrough.md"

// docs/recovery-walkthrough.md is sessions on two hosts. Every command in it is
// run, on two real daemons, and has to print what the document says; with -update
// the document says afterwards what they print. In it
//
//   - "## " begins a session: two new nodes, web-a and web-b, that share /srv/www;
//   - <!-- share: ... --> lines before the first command are settings of the share;
//   - ```console blocks are commands, each behind the prompt of the host that it is
//     run on, and what they print. What only looks is run until it prints that: what
//     is under way takes a moment;
//   - <!-- run ... --> are commands that the reader is spared.
//
// Instead of a shell, the test itself understands `systemctl start duet` and `stop`,
// `pkill -9 duet`, `settle`, `link down` and `link up`, and `await TEXT COMMAND`.
func TestWalkthrough(t *testing.T) {
	file := filepath.Join(moduleRoot(t), walkthrough)
	raw, err := os.ReadFile(file)
	must(t, err)
	parts := strings.SplitAfter(string(raw), "\n## ")
	t.Cleanup(func() {
		if text := strings.Join(parts, ""); *update && text != string(raw) {
			must(t, os.WriteFile(file, []byte(text), 0o644))
		}
	})
	for i, part := range parts {
		if i == 0 {
			continue
		}
		title, _, _ := strings.Cut(part, "\n")
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			parts[i] = newSession(t, part).play(part)
		})
	}
}

// session is two hosts, and what has been seen on them.
type session struct {
	t     *testing.T
	pair  *rig.Pair
	wire  *rig.Wire
	hosts map[string]*rig.Node
	names map[string]string // ids, as they are shown
	kept  map[string]string // ids of kept versions with their host, as they are shown: 1, 2, 3 as they appear
	bin   string
}

var shareLine = regexp.MustCompile(`(?m)^<!-- share: ([a-z_]+): (.*) -->$`)

func newSession(t *testing.T, text string) *session {
	share := map[string]string{"keep": "{age: 30d}"}
	for _, m := range shareLine.FindAllStringSubmatch(text, -1) {
		share[m[1]] = m[2]
	}
	p := rig.NewPair(t, rig.Options{Names: [2]string{"web-a", "web-b"}, Shares: []string{"www"}, Share: share})
	s := &session{t: t, pair: p, hosts: map[string]*rig.Node{"web-a": p.A, "web-b": p.B}, names: map[string]string{}, kept: map[string]string{}}
	s.wire = rig.NewWire(t, p.A.Listen)
	p.B.EditConfig(t, p.A.Listen, s.wire.Address())
	s.bin = filepath.Join(rig.Dir(t), "bin")
	must(t, os.Mkdir(s.bin, 0o755))
	must(t, os.Symlink(rig.Binary(t), filepath.Join(s.bin, "duet")))
	return s
}

var (
	blocks  = regexp.MustCompile("(?ms)^(```console\n|<!-- run\n)(.*?)^(```|-->)$")
	prompts = regexp.MustCompile(`(?m)^(web-[ab])# ((?:[^\n]*\\\n)*[^\n]*)\n`)
)

// play runs the commands of a session and returns its text, with what they
// printed.
func (s *session) play(text string) string {
	var out strings.Builder
	end := 0
	for _, m := range blocks.FindAllStringSubmatchIndex(text, -1) {
		out.WriteString(text[end:m[4]])
		hidden, block := strings.HasPrefix(text[m[2]:m[3]], "<!--"), text[m[4]:m[5]]
		cmds := prompts.FindAllStringSubmatchIndex(block, -1)
		for i, c := range cmds {
			next := len(block)
			if i+1 < len(cmds) {
				next = cmds[i+1][0]
			}
			host, command, want := block[c[2]:c[3]], block[c[4]:c[5]], block[c[1]:next]
			got := s.run(s.hosts[host], command, want, hidden)
			out.WriteString(block[c[0]:c[1]])
			if !hidden {
				out.WriteString(got)
			}
			if got != want && !hidden && !*update {
				s.t.Fatalf("%s# %s\nprinted:\n%s\n%s says:\n%s\nIf that is as it should be: go test ./integration -run Walkthrough -update\n%s", host, command, got, walkthrough, want, s.pair.Story())
			}
		}
		end = m[5]
	}
	out.WriteString(text[end:])
	return out.String()
}

// looks matches commands that change nothing, and so can be run again.
var looks = regexp.MustCompile(`^(cat|ls|find|duet (status|explain|log|conflicts|kept (ls|show)|index|recover\b.*--dry-run|verify))\b`)

// acts matches what does change something, in spite of how it begins.
var acts = regexp.MustCompile(`\b(resolve|undo|-delete)\b`)

// run runs one command and returns what it printed, as the document has it.
func (s *session) run(n *rig.Node, command, want string, hidden bool) string {
	s.t.Helper()
	if s.own(n, command) {
		return ""
	}
	if !looks.MatchString(command) || acts.MatchString(command) || hidden {
		out, code := s.shell(n, command)
		if hidden && code != 0 {
			s.t.Fatalf("%s# %s: exit status %d\n%s", n.Name, command, code, out)
		}
		return s.normal(n, out)
	}
	var got, before string
	calm := 0
	rig.Until(patience, func() bool {
		ids, kept := maps.Clone(s.names), maps.Clone(s.kept)
		out, _ := s.shell(n, command)
		if got = s.normal(n, out); got == want {
			return true
		}
		if calm++; got != before {
			calm = 0
		}
		before = got
		if *update && calm == 8 {
			return true
		}
		s.names, s.kept = ids, kept       // what was not shown has no name
		time.Sleep(50 * time.Millisecond) // between two looks
		return false
	})
	return got
}

// own does what is not a command.
func (s *session) own(n *rig.Node, command string) bool {
	word, rest, _ := strings.Cut(command, " ")
	switch {
	case command == "systemctl start duet":
		n.Start()
	case command == "systemctl stop duet":
		n.Stop()
	case command == "pkill -9 duet":
		n.Kill()
	case command == "settle":
		s.pair.Settle(patience)
	case command == "link down":
		s.wire.Cut()
	case command == "link up":
		s.wire.Mend()
	case word == "await":
		text, cmd, _ := strings.Cut(rest, " -- ")
		var out string
		if !rig.Until(patience, func() bool { out, _ = s.shell(n, cmd); return strings.Contains(out, text) }) {
			s.t.Fatalf("%s# %s never printed %q:\n%s\n%s", n.Name, cmd, text, out, n.LogTail(20))
		}
	default:
		return false
	}
	return true
}

// places are the directories of a host as the document has them, by where they are.
func (s *session) places(n *rig.Node) [][2]string {
	root := n.Root("www")
	return [][2]string{{root, "/srv/www"}, {filepath.Dir(root), "/srv"}, {n.State, "/var/lib/duet"}, {n.Config, "/etc/duet.yaml"}, {n.Dir, "/root"}}
}

func (s *session) shell(n *rig.Node, command string) (string, int) {
	for _, p := range s.places(n) {
		command = regexp.MustCompile(`(^|[\s='":])`+regexp.QuoteMeta(p[1])+`\b`).ReplaceAllString(command, "${1}"+p[0])
	}
	for id, shown := range s.names {
		command = strings.ReplaceAll(command, shown, id)
	}
	command = asks.ReplaceAllStringFunc(command, func(m string) string {
		word, shown := asks.FindStringSubmatch(m)[1], asks.FindStringSubmatch(m)[2]
		for key, as := range s.kept {
			if host, id, _ := strings.Cut(key, " "); host == n.Name && as == shown {
				return word + " " + id
			}
		}
		return m
	})
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	cmd.Dir = n.Dir
	cmd.Env = append(os.Environ(), "PATH="+s.bin+":"+os.Getenv("PATH"), "DUET_CONFIG="+n.Config, "TZ=UTC", "LC_ALL=C")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if ctx.Err() != nil {
		s.t.Fatalf("%s# %s: does not end\n%s", n.Name, command, out.String())
	}
	if err != nil && cmd.ProcessState == nil {
		s.t.Fatalf("%s# %s: %v", n.Name, command, err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

var (
	stamps    = regexp.MustCompile(`\b20\d\d-\d\d-\d\d([T ])\d\d:\d\d:\d\d(\.\d+)?(Z| UTC)?`)
	ids       = regexp.MustCompile(`\b[0-9a-f]{8}\b`)
	hashes    = regexp.MustCompile(`\b[0-9a-f]{12,64}\b`)
	durations = regexp.MustCompile(`\b(?:\d+h)?(?:\d+m)?\d+(?:\.\d+)?(ms|µs|s)\b`)
	processes = regexp.MustCompile(`process \d+`)
	positions = regexp.MustCompile(`#\d+ +`)
	versions  = regexp.MustCompile(`\b(kept restore|version) (\d+)\b`)
	asks      = regexp.MustCompile(`\b(kept restore|kept show) (\d+)\b`)
	inodes    = regexp.MustCompile(`\bdevice \d+ inode (\d+)\b`)
	lags      = regexp.MustCompile(`^\S+ +[a-z-]+ +\d+ +[\d.]+ \S?B(?: +\d+){4} +\S+$`) // a row of status
	ports     = regexp.MustCompile(`127\.0\.0\.1:\d+`)
)

// normal is what was printed, without what differs from one run to the next.
func (s *session) normal(n *rig.Node, out string) string {
	for _, p := range s.places(n) {
		out = strings.ReplaceAll(out, p[0], p[1])
	}
	out = stamps.ReplaceAllString(out, "2026-03-14${1}03:07:42${3}")
	out = processes.ReplaceAllString(out, "process 4711")
	out = inodes.ReplaceAllStringFunc(out, func(m string) string {
		return "device 2049 inode " + s.name(inodes.FindStringSubmatch(m)[1], "131072")
	})
	out = ports.ReplaceAllString(out, "web-a:7722")
	out = positions.ReplaceAllString(out, "#17     ") // a live change may come in any order
	out = versions.ReplaceAllStringFunc(out, func(m string) string {
		part := versions.FindStringSubmatch(m)
		return part[1] + " " + s.version(n, part[2])
	})
	out = durations.ReplaceAllString(out, "7$1")
	out = hashes.ReplaceAllStringFunc(out, func(h string) string { return s.name(h, "5e1fb0a7c2d94e83") })
	out = ids.ReplaceAllStringFunc(out, func(id string) string { return s.name(id, "a3f1c5d8") })
	if me, err := user.Current(); err == nil {
		group, err := user.LookupGroupId(me.Gid)
		must(s.t, err)
		out = strings.ReplaceAll(out, me.Username+":"+group.Name, "web:web")
	}
	lines := strings.Split(out, "\n")
	for i, l := range lines {
		l = strings.TrimRight(l, " ")
		if row := lags.FindString(l); row != "" {
			l = row[:strings.LastIndexByte(row, ' ')+1] + "7ms" // the lag, or that there was none yet
		}
		lines[i] = l
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n") + tail(out)
}

func tail(out string) string {
	if strings.TrimSpace(out) == "" {
		return ""
	}
	return "\n"
}

// version is how the id of a kept version is shown: they are made in any order.
func (s *session) version(n *rig.Node, id string) string {
	key := n.Name + " " + id
	if s.kept[key] == "" {
		shown := 1
		for k := range s.kept {
			if strings.HasPrefix(k, n.Name+" ") {
				shown++
			}
		}
		s.kept[key] = fmt.Sprint(shown)
	}
	return s.kept[key]
}

// name is how an id is shown: the same one in the same way, others in others.
func (s *session) name(id, like string) string {
	if slices.Contains(slices.Collect(maps.Values(s.names)), id) {
		return id
	}
	if s.names[id] == "" {
		n := fmt.Sprint(len(s.names) + 1)
		s.names[id] = like[:len(like)-len(n)] + n
	}
	return s.names[id]
}
