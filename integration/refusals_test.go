package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"duet/integration/rig"
)

// refusal is a command that cannot be done: how it ends, what of it is said, and
// what the reader is told to do next.
type refusal struct {
	args string // separated by spaces
	code int
	says string // expressions
	next string
}

const whichShare = `there is no share "nosuch" in .*duet.yaml`

// refusals are of a running daemon with two shares, data and more, in sync.
var refusals = []refusal{
	// shares that are not there, or not named
	{"recover nosuch --yes", 2, whichShare, `the shares are data, more`},
	{"approve nosuch", 2, whichShare, `the shares are data, more`},
	{"reject nosuch", 2, whichShare, `the shares are data, more`},
	{"pause nosuch", 2, whichShare, `the shares are data, more`},
	{"resume nosuch", 2, whichShare, `the shares are data, more`},
	{"flush nosuch", 2, whichShare, `the shares are data, more`},
	{"verify nosuch", 2, whichShare, `the shares are data, more`},
	{"log nosuch", 2, whichShare, `the shares are data, more`},
	{"index ls --share nosuch", 2, whichShare, `the shares are data, more`},
	{"kept prune nosuch", 2, whichShare, `the shares are data, more`},
	{"conflicts show --share nosuch f", 2, whichShare, `the shares are data, more`},
	{"approve", 2, `which share\?`, `Name one of data, more`},
	{"conflicts undo --last", 2, `which share\?`, `Name one of data, more`},
	{"index show file", 2, `which share's file`, `Write SHARE:file, or name one with --share: data, more`},

	// arguments
	{"frobnicate", 2, `unknown command "frobnicate"`, `see 'duet --help'`},
	{"index frobnicate", 2, `unknown command "frobnicate"`, `see 'duet index --help'`},
	{"index stats data", 2, `takes no argument, and was given "data"`, `a share is named with --share`},
	{"status data", 2, `takes no argument, and was given "data"`, `write: duet status \[flags\]; see 'duet status --help'`},
	{"index copy a b", 2, `accepts 1 arg`, `write: duet index copy FILE`},
	{"pause --frobnicate", 2, `unknown flag: --frobnicate`, `write: duet pause \[SHARE\]`},
	{"flush --timeout soon", 2, `invalid argument "soon" for "--timeout"`, `write a duration such as`},
	{"log --lines -1", 2, `--lines -1`, `or 0 for all`},
	{"log --since 2h --until 3h", 2, `--until`, `not after --since`},
	{"index history --limit -1", 2, `--limit -1`, `or 0 for all`},
	{"log --since yesterday", 2, `"yesterday" is no time`, `such as 2h, 90m or 3d, or a date`},
	{"kept ls --since -5", 2, `"-5" is no time`, `such as 2h, 90m or 3d, or a date`},
	{"verify --bwlimit fast", 2, `--bwlimit "fast"`, `want a size such as`},
	{"status --watch --every 1ms", 2, `--every 1ms`, `not less than 50ms`},
	{"run --log-level loud", 2, `--log-level "loud"`, `write debug, info, warn or error`},
	{"index dump --format xml", 2, `format "xml" is not known`, `write jsonl or csv`},
	{"index dump --type stuff", 2, `type "stuff" is not known`, `write one of meta, record`},
	{"init", 2, `needs --node NAME`, `this host's name`},

	// paths and globs
	{"explain /etc/passwd", 2, `/etc/passwd is in no share`, `the shares are data, more`},
	{"explain data:../x", 2, `component "\.\."`, ``},
	{"index ls [a", 2, `pattern \[a: not a glob`, `a '\[' must have its '\]'`},
	{"kept restore --since 1h --share data --path [", 2, `not a glob`, `must have its`},
	{"recover data --dry-run --path [", 2, `not a glob`, `must have its`},
	{"index show data:nothing", 1, `nothing is known of nothing`, `see 'duet index ls'`},
	{"index history data:nothing", 1, `nothing is known of nothing`, `see 'duet index ls'`},
	{"explain data:nothing", 1, `never heard of`, `duet index ls --all`},
	{"conflicts show data:file", 1, `no conflict is open at file`, `see 'duet conflicts ls`},
	{"conflicts diff data:file", 1, `no conflict is open at file`, `see 'duet conflicts ls'`},

	// ids, sides and words
	{"approve data", 1, `nothing waits for approval`, `'duet status'`},
	{"reject data 12345678", 1, `nothing waits for approval`, `'duet status'`},
	{"kept show x", 2, `"x" is not the id of a kept version`, `see 'duet kept ls'`},
	{"kept show 99 --share data", 1, `99`, `see 'duet kept ls'`},
	{"kept restore 99 --share data", 1, `99`, `'duet kept ls --share data'`},
	{"kept restore", 2, `restore what\?`, `Name the ID .* or select with --since`},
	{"conflicts resolve", 2, `which side\?`, `Write --take ours, theirs`},
	{"conflicts resolve --take ours", 2, `which conflicts\?`, `--path '\*\*' is all`},
	{"conflicts resolve --take nobody data:file", 2, `"nobody" is no side`, `want ours, theirs`},
	{"conflicts undo 99 --share data", 1, `no ruling 99`, `duet conflicts undo --list`},
	{"recover data --dry-run --conflict luck", 2, `"luck"`, `want newer, older`},
	{"recover data --apply 123456789abc", 1, `plan 123456789abc is out of date`, `duet recover data --dry-run`},
	{"recover data", 2, `no terminal`, `--dry-run, then apply with --yes`},
	{"resume data --accept-root", 1, `not halted on a replaced root`, `'duet status'`},

	// files
	{"index copy /nowhere/copy --share data", 1, `open /nowhere/copy: no such file`, `a directory that is there, and that you may write to`},
	{"index copy /etc/passwd --share data", 1, `/etc/passwd: file exists`, `name a file that is not there yet`},
	{"recover data --dry-run --plan /nowhere/plan", 1, `write the plan to /nowhere/plan`, `a directory that is there, and that you may write to`},
	{"status --config /nowhere/duet.yaml", 2, `/nowhere/duet.yaml: there is no such file`, `duet init`},
	{"run", 1, `another duet is running on this state directory`, `see it with 'duet status`},
}

// Whatever is refused says what is wrong, with what, and what to do next; and the
// exit status is the one of that kind.
func TestRefusals(t *testing.T) {
	t.Parallel()
	p := rig.NewPair(t, rig.Options{Shares: []string{"data", "more"}})
	write(t, p.A.At("file"), "x")
	p.Start()
	p.Settle(patience)
	for _, r := range refusals {
		refuse(t, p.A, r)
	}

	// The peer is not there.
	p.B.Stop()
	p.A.AwaitState(patience, "disconnected")
	for _, r := range []refusal{
		{"status", 4, `not connected`, ``},
		{"flush --timeout 50ms", 4, `not everything is on both sides after 50ms`, `see 'duet status'`},
		{"index diff data:file", 4, `b is not connected`, `see 'duet status'`},
		{"verify data", 4, `b is not connected`, `see 'duet status'`},
		{"recover data --yes --wait 50ms", 4, `cannot be reached`, `start duet there`},
	} {
		refuse(t, p.A, r)
	}

	// There is no daemon.
	p.A.Stop()
	for _, args := range []string{"status", "approve data", "reject data", "pause", "resume", "flush", "verify", "log --follow", "index diff data:file",
		"kept prune", "kept restore 1 --share data", "kept restore --since 1h --share data", "conflicts resolve --take ours data:file", "conflicts undo --last --share data"} {
		refuse(t, p.A, refusal{args, 7, `duet is not running on the state directory`, `start it with 'duet run'`})
	}

	// The state cannot be read.
	index := filepath.Join(p.A.State, "shares", "data.db")
	must(t, os.WriteFile(index, []byte("this is not an index, but long enough to be looked at\n"), 0o600))
	refuse(t, p.A, refusal{"index ls --share data", 7, `data.db`, `duet index repair`})
	if os.Geteuid() != 0 {
		return
	}
	p.A.User = rig.Nobody
	for _, args := range []string{"status", "index ls", "pause"} {
		refuse(t, p.A, refusal{args, 1, `permission denied`, `only the user that runs it, and root, may`})
	}
	refuse(t, p.A, refusal{"key", 1, `permission denied`, `name another with|as the user that`})
}

// Exit statuses are those of the design, of whatever asks.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	p := rig.NewPair(t, rig.Options{Share: map[string]string{"conflict": "hold", "max_delete": "3"}})
	codes := func(when string, want int, commands ...string) {
		t.Helper()
		for _, c := range commands {
			if out, errs, code := p.B.Duet(strings.Fields(c)...); code != want {
				t.Errorf("%s: duet %s: exit code %d, want %d\n%s%s", when, c, code, want, out, errs)
			}
		}
	}
	for _, name := range []string{"1", "2", "3", "4", "5"} {
		write(t, p.A.At(name), name)
	}
	codes("not running", 7, "status", "flush")
	p.Start()
	p.Settle(patience)
	codes("in sync", 0, "status", "flush", "verify", "index check", "index diff", "recover --yes")
	codes("usage", 2, "flush --frobnicate", "flush nosuch")
	codes("not there", 1, "index show nothing")

	p.B.Stop()
	write(t, p.A.At("1"), "a's")
	write(t, p.B.At("1"), "b's, which is longer")
	p.B.Start()
	p.B.Await(patience, "a held conflict", func(s rig.ShareStatus) bool { return s.Conflicts == 1 })
	codes("a conflict is held", 3, "flush", "status", "recover --yes")
	p.B.Must("conflicts", "resolve", "--take", "ours", "1")
	p.Settle(patience)

	for _, name := range []string{"1", "2", "3", "4"} {
		must(t, os.Remove(p.A.At(name)))
	}
	p.B.AwaitState(patience, "waiting-approval")
	codes("deletes wait", 25, "flush", "status", "recover --yes")
	if _, errs, code := p.A.Duet("flush"); code != 25 || !strings.Contains(errs, "on the other host") {
		t.Errorf("flush where they were deleted: exit code %d\n%s", code, errs)
	}
	p.B.Must("reject", "data")
	p.Settle(patience)

	p.A.Stop()
	p.B.AwaitState(patience, "disconnected")
	codes("alone", 4, "status", "flush --timeout 50ms", "index diff", "recover --yes --wait 50ms")

	must(t, os.Rename(p.B.Root("data"), p.B.Root("data")+"-away"))
	p.B.AwaitState(patience, "halted-on-root-missing")
	codes("halted", 7, "status", "flush")
}

// refuse runs what has to be refused.
func refuse(t *testing.T, n *rig.Node, r refusal) {
	t.Helper()
	out, errs, code := n.Duet(strings.Fields(r.args)...)
	if slices.Contains(strings.Fields(r.args), "--config") {
		out, errs, code = n.Command(strings.Fields(r.args)...)
	}
	all := out + errs
	if code != r.code {
		t.Errorf("duet %s: exit code %d, want %d\n%s", r.args, code, r.code, all)
	}
	for _, want := range []string{r.says, r.next} {
		if !regexp.MustCompile("(?s)" + want).MatchString(all) {
			t.Errorf("duet %s: does not say %q:\n%s", r.args, want, all)
		}
	}
}
