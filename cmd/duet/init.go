package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"duet/cmd/duet/config"
	"duet/cmd/duet/exit"
	"duet/cmd/duet/inspect"
	"duet/replicate/link"
)

func (a *app) initCmd() *cobra.Command {
	var c config.Config
	var trees []string
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a config and make this node's key",
		Long: `Write a commented config, make the state directory and this node's key, and print
what the other host needs. A config that is there already is never touched.`,
		Example: `  # on the first host
  duet init --node web1 --listen :7722 --peer-name web2 --share www=/srv/www
  # on the second: the line that the first one printed
  duet init --node web2 --peer-name web1 --peer-address web1:7722 --peer-key 'ssh-ed25519 AAAA...' --share www=/srv/www`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return a.init(c, trees) },
	}
	f := cmd.Flags()
	f.StringVar(&c.Node, "node", "", "this host's `name`, for people")
	f.StringVar(&c.Listen, "listen", "", "`address` to wait on, such as :7722")
	f.StringVar(&c.Peer.Name, "peer-name", "", "the other host's node `name`")
	f.StringVar(&c.Peer.Address, "peer-address", "", "where to dial the other host, `HOST:PORT`")
	f.StringVar(&c.Peer.Key, "peer-key", "", "the other host's public `key`, as 'duet key' prints it there")
	f.StringArrayVar(&trees, "share", nil, "`NAME=PATH` of a directory to synchronise; may be given several times")
	return cmd
}

// initDone is what init prints as JSON.
type initDone struct {
	Config  string   `json:"config"`
	State   string   `json:"state_dir"`
	KeyFile string   `json:"key_file"`
	Key     string   `json:"key"`
	Other   string   `json:"other"`   // the command that sets up the other host
	Lines   string   `json:"lines"`   // what the other host's config must say, if it has one
	Missing []string `json:"missing"` // what this host's config still lacks
}

func (a *app) init(c config.Config, trees []string) error {
	file, err := filepath.Abs(a.configFile())
	if err != nil {
		return err
	}
	c.File = file
	if err := a.initPlan(&c, trees); err != nil {
		return err
	}
	if _, err := os.Lstat(file); err == nil {
		return exit.Errorf(exit.Usage, "%s is there already and is left as it is: edit it, or name another with --config", file)
	}
	key, err := a.nodeKey(&c)
	if err != nil {
		return err
	}
	if err := writeNew(file, &c); err != nil {
		return err
	}
	done := initDone{
		Config: file, State: c.State, KeyFile: c.KeyFile(), Key: key.Public().Line(c.Node),
		Other: otherInit(&c, key), Lines: otherLines(&c, key), Missing: missing(&c),
	}
	if a.json {
		return a.printJSON(done)
	}
	a.initSay(&c, done)
	return nil
}

// initPlan fills in c and refuses what would not load.
func (a *app) initPlan(c *config.Config, trees []string) error {
	if c.Node == "" {
		return exit.Errorf(exit.Usage, "init needs --node NAME, this host's name for people")
	}
	if len(trees) == 0 {
		return exit.Errorf(exit.Usage, "init needs at least one --share NAME=PATH")
	}
	for _, tree := range trees {
		name, path, ok := strings.Cut(tree, "=")
		if !ok || name == "" || path == "" {
			return exit.Errorf(exit.Usage, "--share %q: write NAME=PATH", tree)
		}
		abs, err := filepath.Abs(path)
		if err != nil {
			return err
		}
		share := config.Defaults()
		share.Name, share.Path = name, abs
		c.Shares = append(c.Shares, share)
	}
	if c.Listen == "" && c.Peer.Address == "" {
		c.Listen = ":7722"
	}
	state, err := a.stateDir()
	if err != nil {
		return err
	}
	if c.State = state; state == "" {
		c.State = config.DefaultState()
	}
	return config.Acceptable(c)
}

// writeNew writes the config under another name first, so that there is never
// half of one, and links it, which never replaces one.
func writeNew(file string, c *config.Config) error {
	var text bytes.Buffer
	if err := config.Write(&text, c); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("make the config's directory: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".duet-*")
	if err != nil {
		return fmt.Errorf("write the config: %w", err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(text.Bytes())
	if err = errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("write the config: %w", err)
	}
	err = os.Link(tmp.Name(), file)
	if errors.Is(err, fs.ErrExist) {
		return exit.Errorf(exit.Usage, "%s is there already and is left as it is: edit it, or name another with --config", file)
	}
	return err
}

func missing(c *config.Config) []string {
	list := []string{}
	if c.Peer.Name == "" {
		list = append(list, "peer.name")
	}
	if c.Peer.Key == "" {
		list = append(list, "peer.key")
	}
	return list
}

// otherInit is the command that sets up the other host.
func otherInit(c *config.Config, key *link.Key) string {
	name := c.Peer.Name
	if name == "" {
		name = "OTHER-NAME"
	}
	args := []string{"duet init --node " + name, "--peer-name " + c.Node}
	if c.Listen != "" {
		args = append(args, "--peer-address "+reach(c))
	}
	if c.Peer.Address != "" {
		_, port, _ := net.SplitHostPort(c.Peer.Address)
		args = append(args, "--listen :"+port)
	}
	args = append(args, fmt.Sprintf("--peer-key '%s'", key.Public().Line(c.Node)))
	for _, s := range c.Shares {
		args = append(args, fmt.Sprintf("--share %s=%s", s.Name, inspect.Shell(s.Path)))
	}
	return strings.Join(args, " ")
}

// reach is where the other host finds this one, as far as can be told here.
func reach(c *config.Config) string {
	host, port, _ := net.SplitHostPort(c.Listen)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host, _ = os.Hostname()
	}
	if host == "" {
		host = c.Node
	}
	return net.JoinHostPort(host, port)
}

// otherLines is what the other host's config must say of this node.
func otherLines(c *config.Config, key *link.Key) string {
	var b strings.Builder
	fmt.Fprintf(&b, "peer:\n  name: %s\n", config.YAML(c.Node))
	if c.Listen != "" {
		fmt.Fprintf(&b, "  address: %s\n", config.YAML(reach(c)))
	}
	fmt.Fprintf(&b, "  key: %s\n", key.Public().Line(c.Node))
	return b.String()
}

func (a *app) initSay(c *config.Config, done initDone) {
	a.printf("wrote %s\nstate %s\nkey   %s\n\n", done.Config, done.State, done.KeyFile)
	a.printf("On the other host, if it has no config yet, with its own paths:\n\n  %s\n\n", done.Other)
	a.printf("or, if it has one, let it say:\n\n%s\n", indent(done.Lines))
	if len(done.Missing) > 0 {
		a.printf("Then write what it prints into %s, under 'peer:' (still missing: %s), and on both hosts:\n\n  duet run\n",
			done.Config, strings.Join(done.Missing, ", "))
		return
	}
	a.printf("Then, on both hosts:\n\n  duet run\n")
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n  ") + "\n"
}
