package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"unicode/utf8"
)

// page is the documentation of the config, and what init writes. Every key
// that it shows commented out stands there with its default.
const page = `# Duet: two-way file synchroniser. Check it with: duet status
# Every key is also an environment variable: peer.key is DUET_PEER_KEY.
# Unknown keys are errors. Paths are absolute.

# This host's name, for people. Its identity is its key: duet key
node: {{.Node | yaml}}

# Where to wait for the other host, "HOST:PORT" or ":PORT". Leave it out to only dial.
{{if .Listen}}listen: {{.Listen | yaml}}{{else}}#listen: ":7722"{{end}}

# Keys, indexes and journals. A local directory outside every share.
{{if .State}}state: {{.State | yaml}}{{else}}#state: {{defaultState | yaml}}{{end}}

# How much of contents this host sends a second, all shares together: 10MiB, off, or
# from which local time on: "08:00,512k 18:00,10M 23:00,off", also "Sat-00:00,off".
{{if and .BWLimit (ne .BWLimit "off")}}bwlimit: {{.BWLimit | yaml}}{{else}}#bwlimit: off{{end}}

# The other host.
peer:
  # As in the other host's 'node:'.
  {{if .Peer.Name}}name: {{.Peer.Name | yaml}}{{else}}name:{{end}}
  # Where to dial it. Leave it out to only be dialled; if both dial, one connection stays.
  {{if .Peer.Address}}address: {{.Peer.Address | yaml}}{{else}}#address: HOST:7722{{end}}
  # Its public key, as 'duet key' prints it there. Nothing else is let in.
  {{if .Peer.Key}}key: {{.Peer.Key | yaml}}{{else}}key:{{end}}

# What is synchronised: one item for each directory, with the same name on both hosts.
shares:
{{- range $i, $s := .Shares}}
  - name: {{$s.Name | yaml}}
    path: {{$s.Path | yaml}}
{{- range rows $s}}{{if eq $i 0}}
{{range .Doc}}
    # {{.}}{{end}}
    {{if .Same}}#{{end}}{{.Key}}: {{.Value}}{{else if not .Same}}
    {{.Key}}: {{.Value}}{{end}}{{end}}
{{- end}}
`

var plain = regexp.MustCompile(`^[A-Za-z/]([A-Za-z0-9/._+=@ -]|:[A-Za-z0-9/])*$`)

// YAML writes s so that YAML reads it back as that string.
func YAML(s string) string {
	switch strings.ToLower(s) {
	case "null", "true", "false", "yes", "no", "on", "off", "y", "n":
		return strconv.Quote(s)
	}
	if plain.MatchString(s) && !strings.HasSuffix(s, " ") {
		return s
	}
	return strconv.Quote(s)
}

// row is one key of a share in the template.
type row struct {
	Key   string
	Doc   []string
	Value string
	Same  bool // it is the default, and stands there commented out
}

// rows is what can be said of a share beyond its name and path.
func rows(s Share) []row {
	d := Defaults()
	text := func(key, value, def, show string, doc ...string) row {
		if value == "" || value == def {
			return row{key, doc, show, true}
		}
		return row{key, doc, YAML(value), false}
	}
	shown := func(key, value, def string, doc ...string) row { return text(key, value, def, def, doc...) }
	return []row{
		text("owner", s.Owner, "", "USER:GROUP",
			"What lands here belongs to USER or USER:GROUP. Left out: the same names as on the",
			"other host if permitted, else the user that runs duet."),
		shown("conflict", s.Conflict, d.Conflict,
			"Which one wins when both sides changed a file: newer, older, larger, smaller, the",
			"name of one of the two nodes, or hold (ask). The loser is kept: duet kept ls"),
		shown("deletes", s.Deletes, d.Deletes,
			"track: deletes are carried over. running: none that happened while the hosts were",
			"apart (the lsyncd rule: the file comes back). never: none."),
		shown("max_delete", s.MaxDelete, d.MaxDelete,
			"More deletes at once than this wait for: duet approve. A count, or a percentage of",
			"the share (which counts from 100 deletes on)."),
		{"max_delete_under", []string{
			"The same for directories of the share, each counted by itself: [{dir: /uploads, limit: 200}]"},
			bounds(s.DeleteUnder), len(s.DeleteUnder) == 0},
		shown("max_delete_window", s.MaxDeleteWindow.String(), d.MaxDeleteWindow.String(), "Deletes within this time are counted together."),
		{"ignore", []string{`What is left alone on both sides, in .gitignore syntax: ["*.tmp", "/cache/"]`}, list(s.Ignore), len(s.Ignore) == 0},
		shown("settle", s.Settle.String(), d.Settle.String(), "A touched file is read when it was quiet this long."),
		shown("max_settle", s.MaxSettle.String(), d.MaxSettle.String(),
			"One that stays open for writing is sent as a snapshot after this long."),
		shown("rescan", s.Rescan.String(), d.Rescan.String(),
			"A full look at the tree, in case the kernel's reports missed something. 0s: never."),
		{"hashers", []string{"Files hashed at the same time. 0: one for each core."}, strconv.Itoa(s.Hashers), s.Hashers == d.Hashers},
		{"scan_nice", []string{"How much hashing for a full look at the tree gives way to other programs, on the",
			"processor and at the disk: 0, not at all, to 19, as for nice(1)."}, strconv.Itoa(s.ScanNice), s.ScanNice == d.ScanNice},
		{"transfers", []string{"Streams on which contents are fetched at the same time: 2 to 8."},
			strconv.Itoa(cmp.Or(s.Transfers, d.Transfers)), s.Transfers == 0 || s.Transfers == d.Transfers},
		{"special_bits", []string{"Also sync setuid, setgid and sticky bits."}, strconv.FormatBool(s.SpecialBits), !s.SpecialBits},
		shown("on_reconnect", s.OnReconnect, d.OnReconnect, "auto, or hold: after an outage wait for: duet recover"),
		shown("hold_after", s.HoldAfter, d.HoldAfter, "The same only after a longer time apart than this: 24h, 2d, or off."),
		text("holding", s.Holding, "", "/DIRECTORY",
			"Where files are built and displaced ones kept, on the share's own filesystem.",
			"Left out: .duet-SHARE beside the directory if possible, else .duet inside it."),
		{"keep", []string{
			"How long what was displaced is kept: by age (d, h, m, s), how many of one path, and",
			"all together (bytes, kB, MiB, ..., or % of the filesystem). Each may be off."}, s.Keep.yaml(), s.Keep == Keep{} || s.Keep == d.Keep},
		shown("min_free", s.MinFree, d.MinFree, "With less of the filesystem free, the oldest of it goes earlier. A size, %, or off."),
		{"journal", []string{"How long the journal remembers what happened: duet log. Each may be off."},
			s.Journal.yaml(), s.Journal == Journal{} || s.Journal == d.Journal},
		shown("verify_every", s.VerifyEvery, d.VerifyEvery,
			"How often every file is read again, to find what a disk has damaged: 30d, or off."),
		shown("verify_rate", s.VerifyRate, d.VerifyRate, "How much of that a second; also when the other host asks for it: duet verify"),
	}
}

// yaml writes k as one line, with defaults where it says nothing.
func (k Keep) yaml() string {
	d := Defaults().Keep
	orString(&k.Age, d.Age)
	orString(&k.Versions, d.Versions)
	orString(&k.Size, d.Size)
	return fmt.Sprintf("{age: %s, versions: %s, size: %s}", limit(k.Age), limit(k.Versions), limit(k.Size))
}

func (j Journal) yaml() string {
	d := Defaults().Journal
	orString(&j.Age, d.Age)
	orString(&j.Size, d.Size)
	return fmt.Sprintf("{age: %s, size: %s}", limit(j.Age), limit(j.Size))
}

// bare is a limit that YAML reads as the text that it is.
var bare = regexp.MustCompile(`^(off|[1-9][0-9]{0,17}|[1-9][0-9]*([dhms%]|[kKMGT]?i?B|[kMGT]))$`)

// limit writes a limit so that YAML reads it back: 00, 1.5 and 1e3 are numbers
// to it.
func limit(s string) string {
	if bare.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}

// bounds writes max_delete_under as one line.
func bounds(under []Under) string {
	items := make([]string, len(under))
	for i, u := range under {
		items[i] = fmt.Sprintf("{dir: %s, limit: %s}", strconv.Quote(u.Dir), limit(u.Limit))
	}
	return "[" + strings.Join(items, ", ") + "]"
}

func list(items []string) string {
	quoted := make([]string, len(items))
	for i, item := range items {
		quoted[i] = strconv.Quote(item)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// Write writes a commented config that says what c says; the documentation of
// the share's keys is with the first share.
func Write(w io.Writer, c *Config) error {
	if len(c.Shares) == 0 {
		return errors.New("write config: no share given")
	}
	for _, s := range c.Shares {
		texts := append([]string{s.Path, s.Holding, s.Owner}, s.Ignore...)
		for _, u := range s.DeleteUnder {
			texts = append(texts, u.Dir)
		}
		for _, text := range texts {
			if !utf8.ValidString(text) {
				return fmt.Errorf("write config: %q of share %q is not UTF-8, which YAML cannot hold", text, s.Name)
			}
		}
	}
	t := template.Must(template.New("duet.yaml").Funcs(template.FuncMap{
		"yaml": YAML, "rows": rows, "defaultState": DefaultState,
	}).Parse(page))
	if err := t.Execute(w, c); err != nil {
		return fmt.Errorf("write config: %w", err)
	}
	return nil
}
