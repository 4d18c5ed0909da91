package main

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"duet/scan/vfs/vfstest"
	"duet/store"
	"duet/store/index"
)

// Scripts wait for daemons for most of their time: more of them at a time than
// there are processors. The command line may say otherwise.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	testscript.Main(inMemory{m}, map[string]func(){"duet": main})
}

// inMemory are the tests. A command that a script runs is this program, too, and does
// not come here.
type inMemory struct{ m *testing.M }

func (t inMemory) Run() int { return vfstest.Run(t.m) }

// The command line, as its users meet it.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("TZ", "UTC")
			// A program with the race detector waits for a second before it exits, and
			// scripts run hundreds.
			env.Setenv("GORACE", "atexit_sleep_ms=10")
			env.Setenv("PEERKEY", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA8sWGCyXXgqmHfTuZ3hVC5mF1Lfj1QX1BbFwLC2HEMT b")
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": cmdStatus, "plant": cmdPlant, "spoil": cmdSpoil, "await": cmdAwait, "mode": cmdMode, "config": cmdConfig, "pair": cmdPair,
			"write": cmdWrite,
		},
	})
}

// status N cmd args...: the command must end with exit status N.
func cmdStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command args...")
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		if _, err := fmt.Sscanf(err.Error(), "exit status %d", &got); err != nil {
			ts.Fatalf("no exit status: %v", err)
		}
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("exit status %d, want %s", got, args[0])
	}
}

// mode OCTAL FILE: the file's permission bits.
func cmdMode(ts *testscript.TestScript, _ bool, args []string) {
	st, err := os.Lstat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", st.Mode().Perm()); got != args[0] {
		ts.Fatalf("%s has mode %s, want %s", args[1], got, args[0])
	}
}

// config [line...]: writes duet.yaml with one share, www, for which the given
// lines are further settings.
func cmdConfig(ts *testscript.TestScript, _ bool, args []string) {
	work := ts.Getenv("WORK")
	text := fmt.Sprintf("node: a\nlisten: 127.0.0.1:0\nstate: %s/state\npeer:\n  name: b\n  key: %s\nshares:\n  - name: www\n    path: %s/www\n",
		work, ts.Getenv("PEERKEY"), work)
	for _, line := range args {
		text += "    " + line + "\n"
	}
	ts.Check(os.WriteFile(ts.MkAbs("duet.yaml"), []byte(text), 0o644))
}

// pair [line...]: writes a/duet.yaml and b/duet.yaml, of two nodes that know
// each other, with one share, www, that has the given settings.
func cmdPair(ts *testscript.TestScript, _ bool, args []string) {
	// An address of its own, where nobody else takes the port before a does: b
	// dials it, and connections go out from 127.0.0.1.
	l, err := net.Listen("tcp", fmt.Sprintf("127.78.%d.%d:0", rand.IntN(256), 1+rand.IntN(254)))
	ts.Check(err)
	addr := l.Addr().String()
	ts.Check(l.Close())
	keys := map[string]string{}
	for _, n := range []string{"a", "b"} {
		ts.Check(ts.Exec("duet", "key", "--state", ts.MkAbs(n+"/state"), "--config", ts.MkAbs("none")))
		keys[n] = ts.ReadFile("stdout")
	}
	for n, other := range map[string]string{"a": "b", "b": "a"} {
		root := ts.MkAbs(n + "/www")
		ts.Check(os.MkdirAll(root, 0o755))
		text := fmt.Sprintf("node: %s\nstate: %s\n", n, ts.MkAbs(n+"/state"))
		dial := ""
		if n == "a" {
			text += "listen: " + addr + "\n"
		} else {
			dial = "  address: " + addr + "\n"
		}
		text += fmt.Sprintf("peer:\n  name: %s\n%s  key: %sshares:\n  - name: www\n    path: %s\n", other, dial, keys[other], root)
		for _, line := range args {
			text += "    " + line + "\n"
		}
		ts.Check(os.WriteFile(ts.MkAbs(n+"/duet.yaml"), []byte(text), 0o644))
	}
}

// write TIME DIR N TEXT: N files below DIR, each with TEXT and its own name in
// it, of that modification time (RFC 3339).
func cmdWrite(ts *testscript.TestScript, _ bool, args []string) {
	at, err := time.Parse(time.RFC3339, args[0])
	ts.Check(err)
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	for i := range n {
		name := filepath.Join(ts.MkAbs(args[1]), fmt.Sprintf("d%02d", i%20), fmt.Sprintf("f%04d", i))
		ts.Check(os.MkdirAll(filepath.Dir(name), 0o755))
		ts.Check(os.WriteFile(name, fmt.Appendf(nil, "%s %d\n", args[3], i), 0o644))
		ts.Check(os.Chtimes(name, at, at))
	}
}

// await TEXT cmd args...: runs the command until its output has the text. It is a
// script, and not a loop here, so that the report has the last try only.
func cmdAwait(ts *testscript.TestScript, _ bool, args []string) {
	if ts.Exec("sh", append([]string{"-c", awaiting, "await"}, args...)...) != nil {
		ts.Fatalf("%q never said %q: above is how its last output ended", args[1:], args[0])
	}
}

const awaiting = `text=$1; shift
end=$(($(date +%s) + 60))
while :; do
	out=$("$@" 2>"$TMPDIR/await.err")
	code=$?
	case $out in *"$text"*) printf '%s\n' "$out"; exit 0;; esac
	if [ $(date +%s) -ge $end ]; then
		printf '%s\n' "$out" | tail -n 5 | tail -c 2000
		tail -n 5 "$TMPDIR/await.err" >&2
		echo "exit status $code" >&2
		exit 1
	fi
	sleep 0.02
done`

var (
	selfID = index.NodeID(0xa)
	peerID = index.NodeID(0xb)
	noon   = time.Date(2026, 3, 4, 12, 0, 0, 5e6, time.UTC).UnixNano()
)

// plant makes the index of a share, www, as a stopped daemon leaves it: two
// agreed paths, one that the peer has to take, one with a name that cannot be
// shown, a tombstone, a conflict and its kept version.
func cmdPlant(ts *testscript.TestScript, _ bool, _ []string) {
	file := ts.MkAbs("state/shares/www.db")
	ts.Check(os.MkdirAll(filepath.Dir(file), 0o700))
	s, err := store.Open(file, store.Options{Share: "www", Node: selfID, Now: func() time.Time { return time.Unix(0, noon) }})
	ts.Check(err)
	ts.Check(s.Update(plant))
	ts.Check(s.Close())
}

// spoil counts|page: breaks the index that plant made: its counts, or the page
// that the records are in.
func cmdSpoil(ts *testscript.TestScript, _ bool, args []string) {
	name := ts.MkAbs("state/shares/www.db")
	b, err := os.ReadFile(name)
	ts.Check(err)
	mark := []byte("dir\x00page.html") // a key of records, and of lists
	switch args[0] {
	case "counts":
		// The first count, in its field of protobuf, in whatever pages have it.
		for i := range b[:len(b)-7] {
			if string(b[i:i+7]) == "counts\x08" {
				b[i+7]++
			}
		}
	case "page":
		page := os.Getpagesize()
		for at := 0; at+page <= len(b); at += page {
			if bytes.Contains(b[at:at+page], mark) {
				clear(b[at : at+page])
			}
		}
	}
	ts.Check(os.WriteFile(name, b, 0o600))
}

func plant(tx *store.Tx) error {
	m, err := tx.Meta()
	if err != nil {
		return err
	}
	m.Peer, m.PeerEpoch, m.Heard, m.Clean = peerID, 77, 3, true
	if err := tx.PutMeta(m); err != nil {
		return err
	}
	file := index.Entry{Kind: index.File, Hash: index.Hash{1, 2, 3}, Size: 11, ModTime: noon, Mode: 0o644, Owner: "web", Group: "web", Origin: selfID}
	stamp := index.Stamp{Ino: 9, Size: 11, ModTime: noon, Ctime: noon, Mode: 0o100644}
	put := func(path index.Path, what index.What, e index.Entry, agreed bool) error {
		pos := tx.Head() + 1
		e.Version = index.Version{{Epoch: m.Epoch, Seq: pos}}
		rec := &index.Record{Path: path, Ours: &e, Pos: pos, Next: index.Wait}
		if e.Kind != index.Gone {
			rec.Stamp = stamp
			if e.Kind == index.Dir {
				rec.Stamp = index.Stamp{Ino: 8, Mode: 0o040755}
			}
		}
		if agreed {
			rec.Base, rec.Theirs, rec.Heard, rec.Next = &e, &e, pos, index.Nothing
		}
		if _, err := tx.Note(index.Event{Path: path, What: what, How: index.ByWatch, Node: selfID, Time: noon + int64(pos)*1e9, Entry: &e}); err != nil {
			return err
		}
		return tx.Put(rec)
	}
	loser := file
	loser.Size, loser.Hash = 7, index.Hash{9}
	kept := index.Kept{Path: "dir/page.html", Entry: &loser, Reason: index.LostConflict, By: peerID, Time: noon, Held: "1-page.html"}
	err = put("dir", index.Created, index.Entry{Kind: index.Dir, Mode: 0o755, Owner: "web", Group: "web", Origin: selfID}, true)
	for _, step := range []func() error{
		func() error { return put("dir/page.html", index.Created, file, true) },
		func() error { return put("new\nline\xff", index.Changed, file, false) },
		func() error {
			return put("old.png", index.Deleted, index.Entry{Kind: index.Gone, Origin: selfID}, false)
		},
		func() error {
			id, err := tx.AddKept(kept)
			if err != nil {
				return err
			}
			_, err = tx.AddConflict(index.Conflict{Path: "dir/page.html", Time: noon, Winner: &file, Loser: &loser, Rule: "newer", Kept: id})
			return err
		},
	} {
		if err == nil {
			err = step()
		}
	}
	return err
}
