package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// The table of docs/safety.md stands between these lines.
const (
	tableBegin = "<!-- begin: go run ./integration/mutants -table -->\n"
	tableEnd   = "<!-- end -->\n"
)

// table is the guards of all rules, as the patches say.
func table(all []mutant) []byte {
	var b bytes.Buffer
	rule := 0
	for _, m := range all {
		if m.rule != rule {
			rule = m.rule
			fmt.Fprintf(&b, "\n**Rule %d.** %s\n\n| guard | held by | test that fails without it | mutant |\n|---|---|---|---|\n", rule, rules[rule])
		}
		test := regexp.MustCompile(`[$^]`).ReplaceAllString(m.test.run, "")
		in := "`" + strings.ReplaceAll(m.in, ", ", "`, `") + "`"
		fmt.Fprintf(&b, "| %s | %s | `%s` `%s` | `%s` |\n", m.guard, in, strings.TrimPrefix(m.test.pkg, "./"), test, m.name)
	}
	fmt.Fprintln(&b)
	return b.Bytes()
}

// rules are the rules in few words; the design has them in full.
var rules = map[int]string{
	1:  "A node writes only its own tree and index; the peer answers questions.",
	2:  "Absence is never evidence of deletion; only a tombstone is.",
	3:  "Causality comes from versions, never from clocks.",
	4:  "Both nodes compute the same verdict from the same two entries.",
	5:  "Identical on both sides is never a conflict, and becomes the base.",
	6:  "A change beats a delete; a directory with live contents stays; a directory beats a file or link.",
	7:  "Nothing destroys bytes; the tree is changed by five atomic verbs that follow no symlink and stay in the root; what comes out is looked at.",
	8:  "A file appears complete or not at all, and a path that is replaced is never missing.",
	9:  "Contents and names are on stable storage before the index says so, and the index before the peer is told.",
	10: "A tombstone is dropped when the peer has acknowledged it, never by age.",
	11: "A lost or restored index or disk never deletes or overwrites unseen: the result is a union.",
	12: "A lost root halts the share; mass deletions wait for approval, as a whole.",
	13: "The peer is input: bounded and checked before use.",
	14: "Losers of conflicts and temporary files never appear among the served files.",
	15: "An error on one path stays on that path: shown, retried, never stopping the others.",
}

// renew returns doc with the table in it.
func renew(doc []byte, all []mutant) ([]byte, error) {
	before, rest, ok := bytes.Cut(doc, []byte(tableBegin))
	_, after, ended := bytes.Cut(rest, []byte(tableEnd))
	if !ok || !ended {
		return nil, fmt.Errorf("there are no lines %q and %q in it", tableBegin, tableEnd)
	}
	return bytes.Join([][]byte{before, []byte(tableBegin), table(all), []byte(tableEnd), after}, nil), nil
}

func renewFile(root string, all []mutant) error {
	name := filepath.Join(root, "docs", "safety.md")
	doc, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if doc, err = renew(doc, all); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return os.WriteFile(name, doc, 0o644)
}
