// Package config reads duet.yaml and says what is wrong with it: in which
// line, what, and what to do. Nothing else in Duet knows viper or YAML.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/viper"
)

// EnvPrefix starts the name of every environment variable that Duet reads:
// DUET_PEER_KEY is the key peer.key.
const EnvPrefix = "DUET"

// Config is a whole duet.yaml, with defaults filled in.
type Config struct {
	File    string  `mapstructure:"-"` // where it was read from
	Node    string  `mapstructure:"node"`
	Listen  string  `mapstructure:"listen"`
	State   string  `mapstructure:"state"`
	BWLimit string  `mapstructure:"bwlimit"`
	Peer    Peer    `mapstructure:"peer"`
	Shares  []Share `mapstructure:"shares"`

	lines lines
}

// Peer is the other node.
type Peer struct {
	Name    string `mapstructure:"name"`
	Address string `mapstructure:"address"`
	Key     string `mapstructure:"key"` // authorized_keys form
}

// Share is one directory tree, as this node has it.
type Share struct {
	Name        string  `mapstructure:"name"`
	Path        string  `mapstructure:"path"`
	Owner       string  `mapstructure:"owner"`
	Conflict    string  `mapstructure:"conflict"`
	Deletes     string  `mapstructure:"deletes"`
	MaxDelete   string  `mapstructure:"max_delete"`
	DeleteUnder []Under `mapstructure:"max_delete_under"`

	MaxDeleteWindow time.Duration `mapstructure:"max_delete_window"`

	Ignore      []string      `mapstructure:"ignore"`
	Settle      time.Duration `mapstructure:"settle"`
	MaxSettle   time.Duration `mapstructure:"max_settle"`
	Rescan      time.Duration `mapstructure:"rescan"`
	Hashers     int           `mapstructure:"hashers"`
	ScanNice    int           `mapstructure:"scan_nice"`
	Transfers   int           `mapstructure:"transfers"`
	SpecialBits bool          `mapstructure:"special_bits"`
	OnReconnect string        `mapstructure:"on_reconnect"`
	HoldAfter   string        `mapstructure:"hold_after"`
	Holding     string        `mapstructure:"holding"`
	Keep        Keep          `mapstructure:"keep"`
	MinFree     string        `mapstructure:"min_free"`
	Journal     Journal       `mapstructure:"journal"`
	VerifyEvery string        `mapstructure:"verify_every"`
	VerifyRate  string        `mapstructure:"verify_rate"`
}

// Under is max_delete for what is at and below a directory of the share.
type Under struct {
	Dir   string `mapstructure:"dir"`
	Limit string `mapstructure:"limit"`
}

// Journal says how long events stay; each part may be "off".
type Journal struct {
	Age  string `mapstructure:"age"`
	Size string `mapstructure:"size"`
}

// Keep says how long displaced versions are kept; each part may be "off".
type Keep struct {
	Age      string `mapstructure:"age"`
	Versions string `mapstructure:"versions"`
	Size     string `mapstructure:"size"`
}

// Defaults is what a share has where its config says nothing.
func Defaults() Share {
	return Share{
		Conflict: "newer", Deletes: "track", MaxDelete: "50%", MaxDeleteWindow: time.Minute,
		Settle: 5 * time.Millisecond, MaxSettle: 10 * time.Second, Rescan: time.Hour,
		Transfers: 4, OnReconnect: "auto", HoldAfter: "off",
		Keep: Keep{Age: "30d", Versions: "10", Size: "10%"}, MinFree: "5%",
		Journal: Journal{Age: "90d", Size: "1GiB"}, VerifyEvery: "off", VerifyRate: "32MiB",
	}
}

// Load reads file, lets environment variables override it, and checks all
// that can be checked without touching a share. state, if not empty, overrides
// the config's state directory. A problem is reported as Problems.
func Load(file, state string) (*Config, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Problems{{Where: file, What: "there is no such file",
			Do: "write one with: duet init --config " + file + " --node NAME --share NAME=PATH"}}
	}
	if err != nil {
		return nil, Problems{{Where: file, What: "read the config: " + err.Error(),
			Do: "run as a user who may read it, or name another file with --config"}}
	}
	return parse(file, data, state)
}

func parse(file string, data []byte, state string) (*Config, error) {
	cfg := &Config{File: file, lines: lines{file: file, at: map[string]string{}}}
	if probs := cfg.lines.read(data); len(probs) > 0 {
		return nil, probs
	}
	v := viper.New()
	v.SetConfigType("yaml")
	if err := v.ReadConfig(bytes.NewReader(data)); err != nil {
		return nil, Problems{{Where: file, What: err.Error(), Do: "correct the YAML"}}
	}
	if probs := cfg.overrideFromEnv(v); len(probs) > 0 {
		return nil, probs
	}
	if err := v.UnmarshalExact(cfg); err != nil {
		return nil, Problems{{Where: file, What: err.Error(), Do: "correct the value"}}
	}
	if state != "" {
		cfg.State = state
	}
	cfg.fill()
	if probs := cfg.check(); len(probs) > 0 {
		return nil, probs
	}
	return cfg, nil
}

// overrideFromEnv binds every scalar key to its variable. DUET_SHARES is the
// whole list, as YAML or JSON.
func (c *Config) overrideFromEnv(v *viper.Viper) Problems {
	for _, key := range []string{"node", "listen", "state", "bwlimit", "peer.name", "peer.address", "peer.key"} {
		name := EnvPrefix + "_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
		if err := v.BindEnv(key, name); err != nil {
			panic(err) // only for an empty key
		}
		if os.Getenv(name) != "" {
			c.lines.at[key] = name
		}
	}
	text := os.Getenv(EnvPrefix + "_SHARES")
	if text == "" {
		return nil
	}
	l := lines{file: EnvPrefix + "_SHARES", at: c.lines.at}
	if probs := l.read([]byte("shares: " + strings.TrimSpace(text))); len(probs) > 0 {
		return probs
	}
	sub := viper.New()
	sub.SetConfigType("yaml")
	if err := sub.ReadConfig(strings.NewReader("shares: " + strings.TrimSpace(text))); err != nil {
		return Problems{{Where: l.file, What: err.Error(), Do: "write a YAML list of shares"}}
	}
	v.Set("shares", sub.Get("shares"))
	return nil
}

// fill puts defaults where nothing was said.
func (c *Config) fill() {
	if c.State == "" {
		c.State = DefaultState()
	}
	orString(&c.BWLimit, "off")
	d := Defaults()
	for i := range c.Shares {
		s := &c.Shares[i]
		set := func(key string) bool { return c.lines.has(shareKey(i, key)) }
		orString(&s.Conflict, d.Conflict)
		orString(&s.Deletes, d.Deletes)
		orString(&s.MaxDelete, d.MaxDelete)
		orString(&s.OnReconnect, d.OnReconnect)
		orString(&s.HoldAfter, d.HoldAfter)
		orString(&s.Keep.Age, d.Keep.Age)
		orString(&s.Keep.Versions, d.Keep.Versions)
		orString(&s.Keep.Size, d.Keep.Size)
		orString(&s.MinFree, d.MinFree)
		orString(&s.Journal.Age, d.Journal.Age)
		orString(&s.Journal.Size, d.Journal.Size)
		orString(&s.VerifyEvery, d.VerifyEvery)
		orString(&s.VerifyRate, d.VerifyRate)
		if !set("max_delete_window") {
			s.MaxDeleteWindow = d.MaxDeleteWindow
		}
		if !set("settle") {
			s.Settle = d.Settle
		}
		if !set("max_settle") {
			s.MaxSettle = d.MaxSettle
		}
		if !set("rescan") {
			s.Rescan = d.Rescan
		}
		if !set("hashers") {
			s.Hashers = d.Hashers
		}
		if !set("transfers") {
			s.Transfers = d.Transfers
		}
	}
}

func orString(s *string, def string) {
	if *s == "" {
		*s = def
	}
}

func shareKey(i int, key string) string { return fmt.Sprintf("shares.%d.%s", i, key) }

// Share returns the share of that name, nil if there is none.
func (c *Config) Share(name string) *Share {
	for i := range c.Shares {
		if c.Shares[i].Name == name {
			return &c.Shares[i]
		}
	}
	return nil
}

// KeyFile is the node's private key.
func (c *Config) KeyFile() string { return filepath.Join(c.State, "node_key") }

// Index is the index file of the share of that name.
func (c *Config) Index(share string) string {
	return filepath.Join(c.State, "shares", share+".db")
}

// Peek reads what can be read of a config that need not be complete, or even
// be there: for commands that only need to know where the state is.
func Peek(file, state string) (*Config, error) {
	cfg := &Config{File: file}
	data, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, Problems{{Where: file, What: "read the config: " + err.Error(),
			Do: "run as a user who may read it, or name another file with --config"}}
	}
	v := viper.New()
	v.SetConfigType("yaml")
	if err := v.ReadConfig(bytes.NewReader(data)); err != nil {
		return nil, Problems{{Where: file, What: err.Error(), Do: "correct the YAML"}}
	}
	cfg.lines = lines{file: file, at: map[string]string{}}
	if probs := cfg.overrideFromEnv(v); len(probs) > 0 {
		return nil, probs
	}
	cfg.Node, cfg.State = v.GetString("node"), v.GetString("state")
	if state != "" {
		cfg.State = state
	}
	if cfg.State == "" {
		cfg.State = DefaultState()
	}
	if !filepath.IsAbs(cfg.State) {
		return nil, Problems{{Where: file, What: fmt.Sprintf("state %q is not absolute", cfg.State),
			Do: "write the absolute path, starting with '/'"}}
	}
	return cfg, nil
}

// Acceptable is what init asks of a config that it is about to write: all
// that Load does, but for what only the other host can tell.
func Acceptable(c *Config) error {
	try := *c
	try.Shares = append([]Share(nil), c.Shares...)
	try.lines = lines{file: "init", at: map[string]string{}}
	if try.Peer.Name == "" {
		try.Peer.Name = "(peer)"
	}
	try.fill()
	var probs Problems
	for _, p := range try.check() {
		if p.key == "peer.key" && c.Peer.Key == "" || p.key == "peer.name" && c.Peer.Name == "" {
			continue
		}
		probs = append(probs, p)
	}
	if len(probs) > 0 {
		return probs
	}
	return nil
}

// Wrong is the error for what turns out to be wrong with a key's value only
// once it is used.
func (c *Config) Wrong(key, do, what string) error {
	return Problems{{Where: c.lines.where(key), What: what, Do: do}}
}
