package config

import (
	"bytes"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// longest is what is fuzzed: longer texts only take longer.
const longest = 4 << 10

// plainConfig reads a config, without where its keys were written.
func plainConfig(data []byte) (*Config, error) {
	c, err := parse("duet.yaml", data, "")
	if err != nil {
		return nil, err
	}
	c.lines = lines{}
	return c, nil
}

// same fails the test unless what c says is written, and read, as that again.
func same(t *testing.T, c *Config) {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, c); err != nil {
		t.Fatalf("a config was taken, and cannot be written: %v", err)
	}
	again, err := plainConfig(b.Bytes())
	if err != nil || !reflect.DeepEqual(again, c) {
		t.Fatalf("a config came back different (%v):\n%+v\n%+v\n%s", err, c, again, b.Bytes())
	}
}

// told fails the test unless err says where what is wrong, and what to do.
func told(t *testing.T, err error) {
	t.Helper()
	var probs Problems
	if !errors.As(err, &probs) || len(probs) == 0 {
		t.Fatalf("not a problem of the config: %v", err)
	}
	for _, p := range probs {
		if p.Where == "" || p.What == "" || p.Do == "" {
			t.Errorf("a problem without where, what or what to do: %+v", p)
		}
	}
}

func clearEnv(f *testing.F) {
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, EnvPrefix+"_") {
			f.Setenv(name, "")
		}
	}
}

// FuzzParse: a config is refused, with the place and what to do, or it is one
// that init could write.
func FuzzParse(f *testing.F) {
	clearEnv(f)
	whole := strings.ReplaceAll(good, "STATE", "/var/lib/duet")
	for _, text := range []string{whole, "", "shares: &s [*s]", "a: &a [*a, *a]", strings.ReplaceAll(whole, "\n", "\r\n"),
		whole + "    owner: root:root\n    holding: /srv/.h\n    keep: {age: 1d12h, versions: off, size: 10%}\n    min_free: 2GiB\n    journal: {age: off, size: 5MB}\n",
		strings.Replace(whole, "ignore: [", "ignore: [\"\\xff\", \"a\\nb\", ", 1), "node: ~", "? [a]\n: b", "!!binary aGk=: x", "<<: {node: a}"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > longest {
			return
		}
		c, err := plainConfig(data)
		if err != nil {
			told(t, err)
			return
		}
		same(t, c)
	})
}

// FuzzEnv: a variable is refused by its name, or it overrides.
func FuzzEnv(f *testing.F) {
	clearEnv(f)
	whole := []byte(strings.ReplaceAll(good, "STATE", "/var/lib/duet"))
	names := []string{"NODE", "LISTEN", "STATE", "PEER_NAME", "PEER_ADDRESS", "PEER_KEY", "SHARES"}
	for i, value := range []string{"c", ":1", "/tmp/x", "other", "host:7722", goodKey, `[{name: x, path: /x, rescan: 1m}]`} {
		f.Add(uint8(i), value)
	}
	f.Add(uint8(0), "007")
	f.Add(uint8(6), "\n- name: x\n  path: /x\nnode: evil")
	f.Add(uint8(6), "~")
	f.Fuzz(func(t *testing.T, which uint8, value string) {
		name := names[int(which)%len(names)]
		if len(value) > longest || strings.ContainsRune(value, 0) {
			return
		}
		t.Setenv(EnvPrefix+"_"+name, value)
		c, err := plainConfig(whole)
		if err != nil {
			told(t, err)
			return
		}
		got := map[string]string{"NODE": c.Node, "LISTEN": c.Listen, "STATE": c.State,
			"PEER_NAME": c.Peer.Name, "PEER_ADDRESS": c.Peer.Address, "PEER_KEY": c.Peer.Key}
		if name != "SHARES" && value != "" && got[name] != value {
			t.Errorf("%s=%q became %q", name, value, got[name])
		}
		if name == "SHARES" && (c.Node != "a" || c.Peer.Name != "b") {
			t.Errorf("shares %q changed something else: %+v", value, c)
		}
		if utf8.ValidString(value) { // what YAML can hold
			t.Setenv(EnvPrefix+"_"+name, "")
			same(t, c)
		}
	})
}

// FuzzWrite: what init accepts from its flags, or a person wrote in another
// way, is written, and read as that.
func FuzzWrite(f *testing.F) {
	clearEnv(f)
	f.Add("a", ":7722", "b", "b:7722", "www", "/srv/www", "0:0", "newer", "50%", "*.tmp", "/srv/.h", "30d", "10", "2GiB", int64(5e6), 2, true)
	f.Add("on", "[::1]:1", "off", "", "-", "/srv/a b: c#", "", "off", "7", "!/x\\ ", "/é\u2028", "off", "off", "off", int64(0), 0, false)
	f.Fuzz(func(t *testing.T, node, listen, peer, address, name, path, owner, conflict, limit, ignore, holding, age, versions, size string, rescan int64, hashers int, bits bool) {
		c := &Config{File: "duet.yaml", Node: node, Listen: listen, State: "/var/lib/duet", BWLimit: "off", Peer: Peer{Name: peer, Address: address, Key: goodKey}}
		s := Share{Name: name, Path: path, Owner: owner, Conflict: conflict, MaxDelete: limit, Holding: holding,
			Settle: 1, MaxSettle: 2, Rescan: time.Duration(rescan), Hashers: hashers, Transfers: 2 + hashers&3, SpecialBits: bits,
			Keep: Keep{Age: age, Versions: versions, Size: size}, MinFree: size, Journal: Journal{Age: age, Size: size},
			VerifyEvery: age, VerifyRate: size, MaxDeleteWindow: time.Hour,
			DeleteUnder: []Under{{Dir: "/up loads/é#", Limit: "007"}, {Dir: "b", Limit: "5%"}}}
		if ignore != "" {
			s.Ignore = []string{ignore, ignore + "x"}
		}
		if c.Shares = []Share{s}; rescan < 0 || hashers < 0 || hashers > 256 || Acceptable(c) != nil {
			return
		}
		// What nothing was said of is the default.
		var b bytes.Buffer
		err := Write(&b, c)
		if !utf8.ValidString(path + "/" + holding + "/" + ignore) {
			if err == nil {
				t.Errorf("what is not UTF-8 was written to YAML: %+v", c)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		want := *c
		want.Shares = []Share{s}
		fillAll(&want.Shares[0])
		if again, err := plainConfig(b.Bytes()); err != nil || !reflect.DeepEqual(again, &want) {
			t.Fatalf("a config came back different (%v):\n%+v\n%+v\n%s", err, &want, again, b.Bytes())
		}
	})
}

// fillAll is fill, for a share of which every number was given.
func fillAll(s *Share) {
	d := Defaults()
	for _, f := range []struct {
		text *string
		def  string
	}{
		{&s.Conflict, d.Conflict}, {&s.Deletes, d.Deletes}, {&s.MaxDelete, d.MaxDelete}, {&s.OnReconnect, d.OnReconnect}, {&s.HoldAfter, d.HoldAfter},
		{&s.Keep.Age, d.Keep.Age}, {&s.Keep.Versions, d.Keep.Versions}, {&s.Keep.Size, d.Keep.Size}, {&s.MinFree, d.MinFree},
		{&s.Journal.Age, d.Journal.Age}, {&s.Journal.Size, d.Journal.Size},
		{&s.VerifyEvery, d.VerifyEvery}, {&s.VerifyRate, d.VerifyRate},
	} {
		orString(f.text, f.def)
	}
}

// FuzzYAML: a text that is written is read as that text.
func FuzzYAML(f *testing.F) {
	for _, s := range []string{"", "a", "yes", "0", "007", "a: b", "#", "'", `"\`, "- a", "é", "\u2028", "a ", "@x", "~", "1e3", "=", "<<", "2001-01-01"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		var back struct{ Key string }
		text := "key: " + YAML(s) + "\n"
		if err := yaml.Unmarshal([]byte(text), &back); err != nil || back.Key != s {
			t.Errorf("%q is written %q and read %q, %v", s, text, back.Key, err)
		}
	})
}
