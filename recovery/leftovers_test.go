package recovery

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"duet/recovery/landing"
	"duet/scan"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// TestLeftovers tidies a holding area that has one of everything.
func TestLeftovers(t *testing.T) {
	top := t.TempDir()
	for _, dir := range []string{"root", "held", "held/stage", "held/kept"} {
		if err := os.Mkdir(filepath.Join(top, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(top, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	part := func(text string) string { return scan.SumBytes([]byte(text)).String() + PartSuffix }
	write("root/live", "a live file's bytes")
	write("held/stage/"+part("wanted"), "wan")
	write("held/stage/"+part("unwanted"), "unw")
	write("held/stage/short.part", "x")
	write("held/stage/new-1-1", "a copy")
	write("held/stage/serial.new", "another copy")
	write("held/stage/out-1-1", "bytes that nobody else has")
	write("held/stage/out-1-2", "a live file's bytes")
	write("held/stage/out-1-3", "kept bytes")
	write("held/stage/out-1-4", "bytes that were live once")
	write("held/stage/move-1", "half moved")
	write("held/kept/1-1-known", "kept bytes")
	write("held/kept/1-2-unknown", "an orphan")
	if err := os.Symlink("target", filepath.Join(top, "held/stage/out-1-5")); err != nil {
		t.Fatal(err)
	}

	files, err := vfs.Open(filepath.Join(top, "root"), vfs.Options{Holding: filepath.Join(top, "held")})
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	st, err := store.Open(filepath.Join(top, "index.db"), store.Options{Share: "toy", Node: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	fill(t, st, files)
	env := landing.Env{Now: time.Now, Node: 1}

	report, err := Replay(context.Background(), st, files, env)
	if err != nil {
		t.Fatal(err)
	}
	if report.Parts != 1 || report.Found != 5 || report.Removed != 6 {
		t.Errorf("report %+v", report)
	}
	if got := names(t, files, vfs.Stage); !slices.Equal(got, []string{part("wanted")}) {
		t.Errorf("staged: %q", got)
	}
	checkFound(t, st, filepath.Join(top, "held/kept"))

	// While the daemon runs: what nobody goes on with goes, once it is idle.
	write("held/stage/"+part("unwanted"), "unw")
	for want, after := range []time.Duration{30 * time.Minute, 2 * time.Hour} {
		if n, err := DropParts(context.Background(), st, files, time.Now().Add(after)); err != nil || n != want {
			t.Errorf("after %v: %d dropped, want %d, %v", after, n, want, err)
		}
	}
	if got := names(t, files, vfs.Stage); !slices.Equal(got, []string{part("wanted")}) {
		t.Errorf("staged after two hours: %q", got)
	}

	// Once more, ten days later: nothing is left but the old transfer.
	env.Now = func() time.Time { return time.Now().Add(10 * 24 * time.Hour) }
	report, err = Replay(context.Background(), st, files, env)
	if err != nil || report.Parts != 0 || report.Found != 0 || report.Removed != 1 {
		t.Errorf("report %+v, %v", report, err)
	}
}

// fill makes an index with a live file, one that is not as the index says, a
// kept version, and one that is wanted.
func fill(t *testing.T, st *store.Store, files vfs.Files) {
	t.Helper()
	entry := func(text string) *index.Entry {
		return &index.Entry{
			Kind: index.File, Hash: scan.SumBytes([]byte(text)), Size: int64(len(text)), Mode: 0o600,
			Version: index.Version{{Epoch: 9, Seq: 1}},
		}
	}
	info, err := files.Lstat("live")
	if err != nil {
		t.Fatal(err)
	}
	err = st.Update(func(tx *store.Tx) error {
		for p, r := range map[index.Path]index.Record{
			"live": {Ours: entry("a live file's bytes"), Stamp: info.Stamp},
			"once": {Ours: entry("bytes that were live once"), Stamp: info.Stamp},
		} {
			r.Path = p
			pos, err := tx.Note(index.Event{Path: p, What: index.Created, How: index.ByScan, Entry: r.Ours})
			if err != nil {
				return err
			}
			if r.Pos = pos; tx.Put(&r) != nil {
				t.Error("put", p)
			}
		}
		if err := tx.Put(&index.Record{Path: "wanted", Theirs: entry("wanted"), Heard: 1, Next: index.Take}); err != nil {
			return err
		}
		_, err := tx.AddKept(index.Kept{Path: "k", Entry: entry("kept bytes"), Reason: index.Removed, Held: "1-1-known"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, files vfs.Files, a vfs.Area) []string {
	t.Helper()
	infos, err := files.ListHeld(a)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, info := range infos {
		out = append(out, info.Name)
	}
	return out
}

// checkFound checks that what nobody explained is kept, with its bytes.
func checkFound(t *testing.T, st *store.Store, kept string) {
	t.Helper()
	var got []string
	err := st.View(func(tx *store.Tx) error {
		for k, err := range tx.AllKept() {
			if err != nil {
				return err
			}
			if k.Reason != index.Found {
				continue
			}
			if k.Entry.Kind == index.Symlink {
				got = append(got, "-> "+k.Entry.Target)
				continue
			}
			text, err := os.ReadFile(filepath.Join(kept, k.Held))
			if err != nil {
				return err
			}
			if k.Entry.Hash != scan.SumBytes(text) {
				t.Errorf("%s has another hash", k.Held)
			}
			got = append(got, string(text))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	want := []string{"-> target", "an orphan", "bytes that nobody else has", "bytes that were live once", "half moved"}
	if !slices.Equal(got, want) {
		t.Errorf("found %q, want %s", got, strings.Join(want, ", "))
	}
}
