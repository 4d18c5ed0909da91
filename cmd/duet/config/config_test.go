package config

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"duet/replicate/expiry"
)

const goodKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA8sWGCyXXgqmHfTuZ3hVC5mF1Lfj1QX1BbFwLC2HEMT b"

const good = `node: a
listen: ":7722"
state: STATE
peer:
  name: b
  key: ` + goodKey + `
shares:
  - name: images
    path: /srv/images
  - name: cgi
    path: /srv/cgi
    conflict: b
    deletes: running
    max_delete: 20
    ignore: ["*.tmp", "/cache/"]
    settle: 20ms
    rescan: 0s
    hashers: 2
    special_bits: true
    on_reconnect: hold
`

func load(t *testing.T, text string) (*Config, error) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "duet.yaml")
	text = strings.ReplaceAll(text, "STATE", filepath.Join(dir, "state"))
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return Load(file, "")
}

func TestLoad(t *testing.T) {
	c, err := load(t, good)
	if err != nil {
		t.Fatal(err)
	}
	images := Defaults()
	images.Name, images.Path = "images", "/srv/images"
	if !reflect.DeepEqual(c.Shares[0], images) {
		t.Errorf("images: got %+v, want the defaults, %+v", c.Shares[0], images)
	}
	cgi := Share{Name: "cgi", Path: "/srv/cgi", Conflict: "b", Deletes: "running", MaxDelete: "20", MaxDeleteWindow: time.Minute, Ignore: []string{"*.tmp", "/cache/"},
		Settle: 20 * time.Millisecond, MaxSettle: 10 * time.Second, Hashers: 2, Transfers: 4, SpecialBits: true, OnReconnect: "hold", HoldAfter: "off",
		Keep: Defaults().Keep, MinFree: Defaults().MinFree, Journal: Defaults().Journal,
		VerifyEvery: "off", VerifyRate: "32MiB"}
	if !reflect.DeepEqual(c.Shares[1], cgi) {
		t.Errorf("cgi: got %+v, want %+v", c.Shares[1], cgi)
	}
	if c.Node != "a" || c.Listen != ":7722" || c.Peer != (Peer{Name: "b", Key: goodKey}) {
		t.Errorf("got %+v", c)
	}
}

// Each case replaces one thing in a good config; line is where the error must
// say that it is, and says what else it must say.
func TestErrors(t *testing.T) {
	for name, c := range map[string]struct {
		old, new string
		line     string
		says     []string
	}{
		"unknown key":          {"listen:", "listne:", ":2: ", []string{`unknown key "listne"`, `did you mean "listen"?`}},
		"unknown, unlike any":  {"listen:", "xyzzy:", ":2: ", []string{`"xyzzy"`, "node, listen, state, bwlimit, peer, shares"}},
		"bwlimit":              {"listen:", "bwlimit: 08:00,fast 23:00,off\nlisten:", ":2: ", []string{"bwlimit", "08:00,512k 23:00,off"}},
		"transfers":            {"    rescan:", "    transfers: 9\n    rescan:", ":17: ", []string{"transfers 9", "2 to 8"}},
		"scan_nice":            {"    rescan:", "    scan_nice: 20\n    rescan:", ":17: ", []string{"scan_nice 20", "0 to 19"}},
		"unknown in peer":      {"  name: b", "  name: b\n  adress: x:1", ":6: ", []string{`"adress" in peer`, `"address"`}},
		"unknown in share":     {"    rescan:", "    rescann:", ":17: ", []string{`"rescann" in shares.1`, `"rescan"`}},
		"capital letter":       {"node:", "Node:", ":1: ", []string{`unknown key "Node"`, `"node"`}},
		"twice":                {"listen:", "node: b\nlisten:", ":2: ", []string{"twice", "line 1"}},
		"not YAML":             {"peer:", "peer: [", ".yaml:", []string{"not YAML"}},
		"empty":                {good, "", ".yaml: ", []string{"empty", "duet init"}},
		"shares a map":         {"shares:\n  - name", "shares:\n    name", ".yaml:", []string{"not YAML"}},
		"shares a word":        {good[strings.Index(good, "shares:"):], "shares: images\n", ":7: ", []string{"shares is \"images\"", "a list"}},
		"ignore a word":        {`["*.tmp", "/cache/"]`, `"*.tmp"`, ":15: ", []string{"ignore", "a list"}},
		"duration":             {"20ms", "20", ":16: ", []string{"settle", "duration"}},
		"bool":                 {"special_bits: true", "special_bits: 1", ":19: ", []string{"true or false"}},
		"number":               {"hashers: 2", "hashers: two", ":18: ", []string{"whole number"}},
		"float for a name":     {"node: a", "node: 1e3", ":1: ", []string{"quotes"}},
		"no node":              {"node: a", "", ".yaml: ", []string{"node is missing", "node: NAME"}},
		"node is a policy":     {"node: a", "node: newer", ":1: ", []string{`"newer" cannot be used`}},
		"neither address":      {"listen: \":7722\"", "", ".yaml: ", []string{"listen", "peer.address"}},
		"listen a port":        {`":7722"`, `"7722"`, ":2: ", []string{`":7722"`, "HOST:PORT"}},
		"listen bad port":      {`":7722"`, `":http2"`, ":2: ", []string{"port"}},
		"address no host":      {"  name: b", "  name: b\n  address: \":7722\"", ":6: ", []string{"no host"}},
		"no key":               {"  key: " + goodKey + "\n", "", ":4: ", []string{"peer.key is missing", "duet key", "other host"}},
		"empty key":            {goodKey, "", ":4: ", []string{"peer.key is missing", "duet key"}},
		"bad key":              {goodKey, "ssh-ed25519 AAAA", ":6: ", []string{"peer.key", "duet key"}},
		"no peer name":         {"  name: b\n", "", ":4: ", []string{"peer.name is missing"}},
		"peer is self":         {"  name: b\n", "  name: a\n", ":5: ", []string{"different names"}},
		"share without name":   {"  - name: cgi\n    path", "  - path", ":10: ", []string{"share 2 has no name"}},
		"bad share name":       {"name: cgi", "name: c/g", ":10: ", []string{`"c/g"`}},
		"share twice":          {"name: cgi", "name: images", ":10: ", []string{"twice", ".yaml:8"}},
		"relative path":        {"/srv/cgi", "srv/cgi", ":11: ", []string{"not absolute", "cgi"}},
		"no path":              {"    path: /srv/cgi\n", "", ":10: ", []string{"path of share \"cgi\" is missing"}},
		"inside":               {"/srv/cgi", "/srv/images/cgi", ":11: ", []string{"inside", `"images"`}},
		"contains":             {"/srv/cgi", "/srv", ":11: ", []string{"contains", `"images"`}},
		"the same":             {"/srv/cgi", "/srv/images/", ":11: ", []string{"inside"}},
		"state inside":         {"state: STATE", "state: /srv/images/.state", ":3: ", []string{"state directory", "inside", `"images"`}},
		"relative state":       {"state: STATE", "state: state", ":3: ", []string{"not absolute"}},
		"holding inside":       {"    conflict: b", "    holding: /srv/images/.h", ":12: ", []string{"holding", "inside", `"images"`}},
		"conflict":             {"conflict: b", "conflict: never", ":12: ", []string{`"never"`, "newer, older, larger, smaller, hold, a, b"}},
		"conflict mistyped":    {"conflict: b", "conflict: newr", ":12: ", []string{`did you mean "newer"?`}},
		"deletes":              {"deletes: running", "deletes: runing", ":13: ", []string{`did you mean "running"?`, "track"}},
		"max_delete":           {"max_delete: 20", "max_delete: 20 %", ":14: ", []string{"max_delete", "percentage"}},
		"keep":                 {"max_delete: 20", "keep: 30d", ":14: ", []string{"keys and values: age, versions, size"}},
		"keep age":             {"max_delete: 20", "keep: {age: 30}", ":14: ", []string{"keep.age", "30d", "off"}},
		"keep versions":        {"max_delete: 20", "keep: {versions: 0}", ":14: ", []string{"keep.versions", "off"}},
		"keep size":            {"max_delete: 20", "keep:\n      size: 10 GB", ":15: ", []string{"keep.size", "20GB"}},
		"keep unknown":         {"max_delete: 20", "keep: {aeg: 30d}", ":14: ", []string{`"aeg" in shares.1.keep`, `"age"`}},
		"verify every":         {"max_delete: 20", "verify_every: 30 days", ":14: ", []string{"verify_every", "30d"}},
		"verify rate":          {"max_delete: 20", "verify_rate: 10%", ":14: ", []string{"verify_rate", "32MiB"}},
		"journal size":         {"max_delete: 20", "journal: {size: 5%}", ":14: ", []string{"journal.size", "1GiB"}},
		"min_free":             {"max_delete: 20", "min_free: 500%", ":14: ", []string{"min_free", "5%"}},
		"ignore":               {`"*.tmp"`, `"[a"`, ":15: ", []string{"ignore", "[a"}},
		"on_reconnect":         {"on_reconnect: hold", "on_reconnect: ask", ":20: ", []string{`"ask"`, "auto, hold"}},
		"max_delete_under":     {"max_delete: 20", "max_delete_under: [{dir: /up, limit: 20}, {dir: /up/, limit: 5%}]", ":14: ", []string{"/up/", "twice", "limit: 200"}},
		"max_delete_under key": {"max_delete: 20", "max_delete_under: [{path: /up, limit: 20}]", ":14: ", []string{"path", "dir"}},
		"max_delete_window":    {"max_delete: 20", "max_delete_window: 0s", ":14: ", []string{"max_delete_window", "1s"}},
		"hold_after":           {"max_delete: 20", "hold_after: a day", ":14: ", []string{"hold_after", "24h", "off"}},
		"owner":                {"conflict: b", "owner: nobody-has-this-name", ":12: ", []string{"no user", "USER:GROUP"}},
		"owner without group":  {"conflict: b", "owner: \"0:\"", ":12: ", []string{"no group"}},
		"max_settle":           {"settle: 20ms", "settle: 20s", ":10: ", []string{"max_settle"}},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(good, c.old) {
				t.Fatalf("the good config has no %q", c.old)
			}
			cfg, err := load(t, strings.Replace(good, c.old, c.new, 1))
			if err == nil {
				t.Fatalf("loaded: %+v", cfg)
			}
			for _, want := range append(c.says, c.line) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("does not say %q: %v", want, err)
				}
			}
		})
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	_, err := load(t, strings.NewReplacer("conflict: b", "conflict: c", "/srv/cgi", "cgi").Replace(good))
	if got := strings.Count(err.Error(), "\n") + 1; got != 2 {
		t.Errorf("got %d lines, want 2: %v", got, err)
	}
}

func TestOverlapThroughSymlink(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "real"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("/srv/images", filepath.Join(dir, "real"), "/srv/cgi", filepath.Join(dir, "link", "not-there-yet")).Replace(good)
	if _, err := load(t, text); err == nil || !strings.Contains(err.Error(), "inside") {
		t.Errorf("got %v, want that one is inside the other", err)
	}
}

func TestEnv(t *testing.T) {
	t.Setenv("DUET_NODE", "c")
	t.Setenv("DUET_PEER_ADDRESS", "b.example:1")
	t.Setenv("DUET_STATE", "/elsewhere")
	t.Setenv("DUET_SHARES", `[{name: web, path: /srv/web, deletes: never}]`)
	cfg, err := load(t, good)
	if err != nil {
		t.Fatal(err)
	}
	web := Defaults()
	web.Name, web.Path, web.Deletes = "web", "/srv/web", "never"
	if cfg.Node != "c" || cfg.Peer.Address != "b.example:1" || cfg.State != "/elsewhere" || !reflect.DeepEqual(cfg.Shares, []Share{web}) {
		t.Errorf("got %+v", cfg)
	}
	t.Setenv("DUET_PEER_ADDRESS", "b.example")
	if _, err = load(t, good); err == nil || !strings.Contains(err.Error(), "DUET_PEER_ADDRESS: ") {
		t.Errorf("got %v, want the variable's name", err)
	}
	t.Setenv("DUET_PEER_ADDRESS", "")
	t.Setenv("DUET_SHARES", `[{name: web, pth: /srv/web}]`)
	if _, err = load(t, good); err == nil || !strings.Contains(err.Error(), "DUET_SHARES") || !strings.Contains(err.Error(), `"path"`) {
		t.Errorf("got %v, want the variable's name and the key that was meant", err)
	}
}

// What init writes is read back as what was asked for, with the defaults, and
// each default that it shows in a comment is the default.
func TestTemplate(t *testing.T) {
	share := Defaults()
	share.Name, share.Path = "www", "/srv/a b: c #d"
	odd := Share{Name: "x", Path: "/srv/x", Owner: "0:0", Conflict: "larger", Deletes: "never", MaxDelete: "7", MaxDeleteWindow: 90 * time.Second, DeleteUnder: []Under{{"/a b/c", "5%"}, {"é", "7"}}, Ignore: []string{`a"b`, "!c"},
		Settle: time.Second, MaxSettle: time.Minute, Hashers: 3, ScanNice: 10, Transfers: 2, SpecialBits: true, OnReconnect: "hold", HoldAfter: "24h", Holding: "/srv/.h",
		Keep: Keep{Age: "off", Versions: "3", Size: "1.5GiB"}, MinFree: "off", Journal: Journal{Age: "1d", Size: "off"},
		VerifyEvery: "30d", VerifyRate: "off"}
	want := &Config{Node: "no", Listen: "[::1]:7722", State: "/var/lib/duet: 1", BWLimit: "08:00,512k 23:00,off", Peer: Peer{"b", "b:7722", goodKey}, Shares: []Share{share, odd}}
	var text bytes.Buffer
	if err := Write(&text, want); err != nil {
		t.Fatal(err)
	}
	got, err := load(t, text.String())
	if err != nil {
		t.Fatalf("%v\n%s", err, &text)
	}
	got.File, got.lines = "", lines{}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v\n%s", got, want, &text)
	}
	want.Shares = want.Shares[:1]
	text.Reset()
	if err := Write(&text, want); err != nil {
		t.Fatal(err)
	}
	var shown []string
	for line := range strings.Lines(text.String()) {
		if key, ok := strings.CutPrefix(line, "    #"); ok && !strings.HasPrefix(key, " ") && !strings.Contains(key, "USER:GROUP") && !strings.Contains(key, "/DIRECTORY") {
			shown = append(shown, key)
		}
	}
	if len(shown) != 20 {
		t.Errorf("%d defaults are shown, want 20: %q", len(shown), shown)
	}
	for _, key := range shown {
		uncommented := strings.Replace(text.String(), "    #"+key, "    "+key, 1)
		if got, err := load(t, uncommented); err != nil {
			t.Errorf("%q: %v", key, err)
		} else if ignoreNil(&got.Shares[0]); !reflect.DeepEqual(got.Shares[0], share) {
			t.Errorf("%q is not the default", key)
		}
	}
}

func TestLimits(t *testing.T) {
	cfg, err := load(t, strings.Replace(good, "max_delete: 20", "keep: {age: 1d, versions: off, size: 5GB}", 1))
	if err != nil {
		t.Fatal(err)
	}
	want := expiry.Limits{Age: 24 * time.Hour, Size: expiry.Amount{Bytes: 5e9}, MinFree: expiry.Amount{Percent: 5}}
	if got := cfg.Shares[1].Limits(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	want = expiry.Limits{Age: 30 * 24 * time.Hour, Versions: 10, Size: expiry.Amount{Percent: 10}, MinFree: expiry.Amount{Percent: 5}}
	if got := cfg.Shares[0].Limits(); got != want {
		t.Errorf("the defaults are %+v, want %+v", got, want)
	}
}

func ignoreNil(s *Share) {
	if len(s.DeleteUnder) == 0 {
		s.DeleteUnder = nil
	}
	if len(s.Ignore) == 0 {
		s.Ignore = nil
	}
}

func TestNoFile(t *testing.T) {
	_, err := Load("/nowhere/duet.yaml", "")
	if err == nil || !strings.Contains(err.Error(), "/nowhere/duet.yaml") || !strings.Contains(err.Error(), "duet init") {
		t.Errorf("got %v", err)
	}
}
