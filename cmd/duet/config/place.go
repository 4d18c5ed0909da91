package config

import (
	"fmt"
	"os"
	"path/filepath"
)

const systemFile = "/etc/duet/duet.yaml"

// DefaultFile is where the config is looked for, and written by init, when
// nobody says. Root's is the system's; others have their own, and see the
// system's if they have none.
func DefaultFile() string {
	if os.Geteuid() == 0 {
		return systemFile
	}
	own := filepath.Join(xdg("XDG_CONFIG_HOME", ".config"), "duet", "duet.yaml")
	if !exists(own) && exists(systemFile) {
		return systemFile
	}
	return own
}

// DefaultState is the state directory when nobody says.
func DefaultState() string {
	if os.Geteuid() == 0 {
		return "/var/lib/duet"
	}
	return filepath.Join(xdg("XDG_STATE_HOME", ".local/state"), "duet")
}

// xdg follows the XDG base directory specification: the variable if it holds
// an absolute path, else the directory below the user's home.
func xdg(name, below string) string {
	if dir := os.Getenv(name); filepath.IsAbs(dir) {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "/" // a daemon without HOME: it will be told to use --config
	}
	return filepath.Join(home, below)
}

// IgnoredAt says where each line of a share's ignore rules was written.
func (c *Config) IgnoredAt(share string) []string {
	for i := range c.Shares {
		if c.Shares[i].Name != share {
			continue
		}
		at := make([]string, len(c.Shares[i].Ignore))
		for n := range at {
			at[n] = c.lines.where(fmt.Sprintf("%s.%d", shareKey(i, "ignore"), n))
		}
		return at
	}
	return nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
