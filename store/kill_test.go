package store

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"duet/store/index"
)

const childEnv = "DUET_STORE_CHILD"

// TestMain turns this program into the child of TestKill when it is asked to.
func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		if err := commitForEver(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// commitForEver changes an index without end, and prints the head of the
// journal after each commit: that much is promised.
func commitForEver(path string) error {
	s, err := Open(path, Options{Node: testNode})
	if err != nil {
		return err
	}
	rnd := rand.New(rand.NewPCG(uint64(os.Getpid()), 1))
	paths := benchPaths(3000)
	for n := 0; ; n++ {
		if n%40 == 39 {
			if _, err := s.NewEpoch(time.Unix(int64(2e9+n), 0), 0); err != nil {
				return err
			}
		}
		var head index.Seq
		err := s.Update(func(tx *Tx) error {
			for range 1 + rnd.IntN(100) {
				if err := childAct(tx, paths[rnd.IntN(len(paths))], rnd); err != nil {
					return err
				}
			}
			head = tx.Head()
			return nil
		})
		if err != nil {
			return err
		}
		fmt.Println(head)
	}
}

func childAct(tx *Tx, p index.Path, rnd *rand.Rand) error {
	r, err := tx.Get(p)
	if err != nil {
		return err
	}
	switch rnd.IntN(5) {
	case 0:
		return tx.Delete(p)
	case 1:
		return hear(tx, p, file(byte(rnd.Uint32()), index.Version{{Epoch: 7, Seq: 1}}))
	case 2:
		if r != nil && r.Ours != nil {
			return agree(tx, p)
		}
	case 3:
		_, err := tx.AddKept(index.Kept{Path: p, Entry: file(byte(rnd.Uint32()), nil), Reason: index.Removed, Held: fmt.Sprint(tx.Head())})
		return err
	}
	return edit(tx, p, index.Changed, *file(byte(rnd.Uint32()), nil))
}

// TestKill kills a process with SIGKILL while it commits, again and again, and
// opens what it leaves.
func TestKill(t *testing.T) {
	path := tempIndex(t)
	rnd := rand.New(rand.NewPCG(1, 1))
	rounds := 8
	if os.Getenv("DUET_BENCH") != "" {
		rounds = 300
	}
	for range rounds {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childEnv+"="+path)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		var promised index.Seq
		for n := rnd.IntN(45); n >= 0 && lines.Scan(); n-- {
			fmt.Sscan(lines.Text(), &promised)
		}
		// Somewhere in the next commit, wherever the child is by now.
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			fmt.Sscan(lines.Text(), &promised)
		}
		if err := child.Wait(); err == nil || err.Error() != "signal: killed" {
			t.Fatalf("child: %v", err)
		}
		s := openWith(t, path, Options{Node: testNode})
		checkStore(t, s)
		view(t, s, func(tx *Tx) error {
			if promised == 0 || tx.Head() < promised {
				t.Errorf("position %d was promised, the journal ends at %d", promised, tx.Head())
			}
			return nil
		})
		closeTest(t, s)
		if t.Failed() {
			return
		}
	}
}
