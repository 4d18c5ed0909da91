package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// commands calls f for every command but cobra's own.
func commands(t *testing.T, f func(t *testing.T, c *cobra.Command)) {
	t.Helper()
	a := &app{in: strings.NewReader(""), out: &bytes.Buffer{}, err: &bytes.Buffer{}}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Name() == "completion" || c.Name() == "help" {
			return
		}
		t.Run(strings.ReplaceAll(c.CommandPath(), " ", "_"), func(t *testing.T) { f(t, c) })
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(a.root())
}

// arguments are the words of a command's Use behind its name.
func arguments(c *cobra.Command) []string {
	return strings.Fields(c.Use)[1:]
}

// Every command shows how it is used, and nothing is left out of the help.
func TestHelp(t *testing.T) {
	commands(t, func(t *testing.T, c *cobra.Command) {
		if c.Example == "" || c.Short == "" {
			t.Error("no example or no short help")
		}
		for line := range strings.Lines(c.Long) {
			if len(line) > 91 {
				t.Errorf("a line of the help has %d letters: %s", len(line), line)
			}
		}
		for line := range strings.Lines(c.Example) {
			if !strings.Contains(line, "duet") && !strings.HasPrefix(strings.TrimSpace(line), "#") {
				t.Errorf("an example that does not call it: %s", line)
			}
		}
		if c.Name() != "duet" && !strings.Contains(c.Example, c.CommandPath()) {
			t.Errorf("no example has %q:\n%s", c.CommandPath(), c.Example)
		}
		if !c.Runnable() && c.HasParent() { // duet by itself shows its help
			t.Error("it does nothing, not even show its help")
		}
		if f := c.Flag("json"); f == nil {
			t.Error("it does not know --json")
		}
	})
}

// A command takes as many arguments as it says, and no others: a word too many
// is more often a mistake than not.
func TestArguments(t *testing.T) {
	commands(t, func(t *testing.T, c *cobra.Command) {
		if !c.HasParent() {
			return // cobra itself says that it knows no such command
		}
		if c.Args == nil {
			t.Fatal("whatever it is given, it takes")
		}
		if strings.HasSuffix(c.Use, "...]") {
			return // any number
		}
		must, may, _ := strings.Cut(strings.Join(arguments(c), " "), "[")
		n := len(strings.Fields(must))
		fits := map[int]bool{n: true}
		for group := range strings.SplitSeq(may, "[") { // "[A B]" is both or none
			n += len(strings.Fields(group))
			fits[n] = true
		}
		for i := range n + 2 {
			err := c.ValidateArgs(strings.Fields(strings.Repeat("x ", i)))
			if (err == nil) != fits[i] {
				t.Errorf("%q with %d arguments: %v", c.Use, i, err)
			}
		}
	})
}

// What names a share, a path or a kept version can be completed.
func TestCompletions(t *testing.T) {
	commands(t, func(t *testing.T, c *cobra.Command) {
		for _, w := range arguments(c) {
			switch strings.Trim(w, "[].") {
			case "SHARE", "PATH", "GLOB|DIR", "PATH|GLOB", "DIR|PATH", "ID":
				if c.ValidArgsFunction == nil {
					t.Errorf("%s is not completed", w)
				}
			}
		}
		for _, name := range []string{"share", "path", "by", "reason"} {
			if c.LocalNonPersistentFlags().Lookup(name) == nil || c.Name() == "init" { // whose --share is new
				continue
			}
			if _, ok := c.GetFlagCompletionFunc(name); !ok {
				t.Errorf("--%s is not completed", name)
			}
		}
	})
}

// The page on JSON speaks of every command that prints something.
func TestJSONPageNamesCommands(t *testing.T) {
	data, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	silent := map[string]bool{"duet": true, "duet run": true, "duet index": true, "duet kept": true, "duet conflicts": true}
	commands(t, func(t *testing.T, c *cobra.Command) {
		name := strings.TrimPrefix(c.CommandPath(), "duet ")
		short := strings.TrimPrefix(name, "index ")
		if silent[c.CommandPath()] || c.HasSubCommands() {
			return
		}
		for _, form := range []string{"## duet " + name + "\n", "`" + name + "`", "`" + short + "`", "`" + name + " "} {
			if strings.Contains(page, form) {
				return
			}
		}
		t.Errorf("docs/json.md does not say what %q prints", name)
	})
}
