package rig

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Hand does random operations on one node's tree, as users and programs do:
// it looks at the tree as it is now, picks something, and does it with plain
// system calls. The same seed on the same tree gives the same operations; with
// daemons at work the trees, and so the operations, differ from run to run.
type Hand struct {
	node    string
	root    string
	scratch string // on the same filesystem, outside the share
	ledger  *Ledger
	rnd     *rand.Rand
	touched map[string]bool
	Did     map[string]int // operations that were done, by name
}

// NewHand returns a hand for n's first share.
func NewHand(t testing.TB, n *Node, ledger *Ledger, seed uint64) *Hand {
	t.Helper()
	h := &Hand{node: n.Name, root: n.At(), scratch: filepath.Join(filepath.Dir(n.At()), "scratch"), ledger: ledger,
		rnd: rand.New(rand.NewPCG(seed, uint64(n.Name[0]))), touched: map[string]bool{}, Did: map[string]int{}}
	mkdirs(t, h.scratch)
	return h
}

// Seed returns the seed of this run, DUET_SEED if set, and logs it.
func Seed(t testing.TB) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("DUET_SEED"); text != "" {
		if _, err := fmt.Sscan(text, &seed); err != nil {
			t.Fatalf("DUET_SEED: %v", err)
		}
	}
	t.Logf("DUET_SEED=%d", seed)
	return seed
}

type operation struct {
	name   string
	weight int
	do     func(*Hand) bool // false: there was nothing to do it to
}

var operations = []operation{
	{"create", 26, (*Hand).create},
	{"overwrite", 12, (*Hand).overwrite},
	{"append", 10, (*Hand).append},
	{"save", 10, (*Hand).save},
	{"save aside", 5, (*Hand).saveAside},
	{"rename file", 7, (*Hand).renameFile},
	{"rename directory", 3, (*Hand).renameDir},
	{"delete", 6, (*Hand).remove},
	{"unlink", 3, (*Hand).unlink},
	{"remove tree", 2, (*Hand).removeTree},
	{"make directory", 8, (*Hand).makeDir},
	{"chmod", 6, (*Hand).chmod},
	{"touch", 5, (*Hand).touch},
	{"symlink", 4, (*Hand).symlink},
	{"change type", 4, (*Hand).changeType},
	{"toggle", 4, (*Hand).toggle},
	{"copy", 4, (*Hand).copyFile},
}

// Do does n operations, pausing between them as pause says (0: not at all).
func (h *Hand) Do(ctx context.Context, n int, pause time.Duration) {
	for done, tries := 0, 0; done < n && tries < 20*n && ctx.Err() == nil; tries++ {
		op := h.pick()
		if !op.do(h) {
			continue
		}
		h.Did[op.name]++
		done++
		if pause > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(time.Duration(h.rnd.Int64N(int64(2 * pause)))):
			}
		}
	}
}

func (h *Hand) pick() operation {
	total := 0
	for _, op := range operations {
		total += op.weight
	}
	n := h.rnd.IntN(total)
	for _, op := range operations {
		if n -= op.weight; n < 0 {
			return op
		}
	}
	panic("not reached")
}

// DoBoth lets two hands work at once, n operations each.
func DoBoth(ctx context.Context, a, b *Hand, n int, pause time.Duration) {
	var both sync.WaitGroup
	for _, h := range []*Hand{a, b} {
		both.Go(func() { h.Do(ctx, n, pause) })
	}
	both.Wait()
}

// names are few, so that both sides meet often, and include what naive
// programs trip over: no valid UTF-8, newlines, leading dashes, globs.
var names = []string{"a", "b", "c", "d", "index.html", "logo.png", "x.cgi", "caf\xe9", "new\nline", "-rf", "*?[", " sp ace ", "\x01\x7f", "ünï"}

// name returns a path that may or may not exist, in a directory that does.
func (h *Hand) name() string {
	dir := ""
	if h.rnd.IntN(3) > 0 {
		dir, _ = h.some(fs.ModeDir)
	}
	name := names[h.rnd.IntN(len(names))]
	if h.rnd.IntN(3) == 0 {
		name = fmt.Sprintf("%s%d", name, h.rnd.IntN(20))
	}
	return filepath.Join(dir, name)
}

// some returns something of this type that is there now: more often than not
// near the top, where the other hand is too.
func (h *Hand) some(typ fs.FileMode) (string, bool) {
	all := h.list(typ)
	if h.rnd.IntN(3) > 0 {
		if near := slices.DeleteFunc(slices.Clone(all), func(name string) bool { return strings.Count(name, "/") > 1 }); len(near) > 0 {
			all = near
		}
	}
	if len(all) == 0 {
		return "", false
	}
	return all[h.rnd.IntN(len(all))], true
}

func (h *Hand) list(typ fs.FileMode) []string {
	var all []string
	_ = filepath.WalkDir(h.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == h.root {
			return nil
		}
		name, err := filepath.Rel(h.root, path)
		if err == nil && d.Type() == typ && name != ".duet" {
			all = append(all, name)
		}
		if name == ".duet" || len(all) > 5000 {
			return fs.SkipDir
		}
		return nil
	})
	return all
}

// path returns where name is, and notes that something is done to it.
func (h *Hand) path(name string) string {
	h.touched[name] = true
	return h.at(name)
}

func (h *Hand) at(name string) string { return filepath.Join(h.root, name) }

// Touched reports whether the hand did anything to path, or to a directory
// above it, since Forget.
func (h *Hand) Touched(path string) bool {
	for ; path != "."; path = filepath.Dir(path) {
		if h.touched[path] {
			return true
		}
	}
	return false
}

// Forget forgets what was touched.
func (h *Hand) Forget() { clear(h.touched) }

// content makes a new content with a token of its own.
func (h *Hand) content(name, how string) (token string, content []byte) {
	token = h.ledger.token(h.node, fmt.Sprintf("%q %s by %s", name, how, h.node))
	size := h.rnd.IntN(400)
	switch h.rnd.IntN(40) {
	case 0:
		size = h.rnd.IntN(3 << 20)
	case 1, 2, 3:
		size = h.rnd.IntN(100_000)
	}
	content = append([]byte(token), make([]byte, size)...)
	for i := len(token); i < len(content); i++ {
		content[i] = byte('a' + h.rnd.IntN(20))
	}
	return token, append(content, '\n')
}
