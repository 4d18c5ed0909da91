package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"duet/cmd/duet/config"
	"duet/cmd/duet/node"
	"duet/replicate/link"
)

func (a *app) keyCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "key",
		Short: "Print this node's public key",
		Long: `Print this node's public key, which the other host needs as peer.key.

The key is made if there is none yet. It works before there is a config, too: with
--state, or the default state directory.`,
		Example: "  duet key\n  duet key --state /var/lib/duet",
		Args:    noArgs,
		RunE:    func(*cobra.Command, []string) error { return a.key() },
	}
}

func (a *app) key() error {
	cfg, err := a.keyConfig()
	if err != nil {
		return err
	}
	key, err := a.nodeKey(cfg)
	if err != nil {
		return err
	}
	line := key.Public().Line(cfg.Node)
	if a.json {
		return a.printJSON(map[string]string{
			"key": line, "fingerprint": key.Public().Fingerprint(), "id": link.NodeID(key.Public()).String(), "file": cfg.KeyFile(),
		})
	}
	a.printf("%s\n", line)
	return nil
}

// keyConfig is as much of the config as finding the key takes: a config that
// still lacks peer.key must not keep 'duet key' from working.
func (a *app) keyConfig() (*config.Config, error) {
	state, err := a.stateDir()
	if err != nil {
		return nil, err
	}
	cfg, err := config.Peek(a.configFile(), state)
	if err != nil {
		return nil, err
	}
	if cfg.Node == "" {
		cfg.Node, _ = os.Hostname() // only a comment in the key
	}
	return cfg, nil
}

// nodeKey loads the node's key, and says so if it had to make one.
func (a *app) nodeKey(cfg *config.Config) (*link.Key, error) {
	if err := node.Prepare(cfg); err != nil {
		return nil, err
	}
	_, missing := os.Stat(cfg.KeyFile())
	key, err := link.LoadOrCreateKey(cfg.KeyFile(), cfg.Node)
	if err == nil && missing != nil {
		fmt.Fprintf(a.err, "made a new node key, %s\n", cfg.KeyFile())
	}
	return key, err
}
