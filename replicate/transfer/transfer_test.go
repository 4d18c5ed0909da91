package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"duet/replicate/link"
	"duet/replicate/link/linktest"
	"duet/replicate/transfer"
	"duet/replicate/wire"
	"duet/scan"
	"duet/scan/vfs"
	"duet/store/index"
)

const patience = 30 * time.Second

// shelf is a Source of contents in memory.
type shelf struct {
	mu     sync.Mutex
	files  map[index.Path][]byte
	errs   map[index.Path]error
	opened []index.Path
	read   atomic.Int64  // bytes
	gate   chan struct{} // if set, every read of more than gateFrom takes a token
}

const gateFrom = 4 << 20

func (s *shelf) put(p index.Path, b []byte) transfer.Want {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil {
		s.files, s.errs = make(map[index.Path][]byte), make(map[index.Path]error)
	}
	s.files[p] = b
	return transfer.Want{Path: p, Hash: scan.SumBytes(b), Size: int64(len(b)), Meta: vfs.Meta{Mode: 0o640, ModTime: 1e18 + 1, UID: -1, GID: -1}}
}

func (s *shelf) Open(p index.Path, h index.Hash, size int64) (transfer.Content, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened = append(s.opened, p)
	if err := s.errs[p]; err != nil {
		return nil, err
	}
	b, ok := s.files[p]
	if !ok {
		return nil, fmt.Errorf("%v %w", p, transfer.ErrGone)
	}
	return &item{s, bytes.NewReader(b)}, nil
}

type item struct {
	s *shelf
	*bytes.Reader
}

func (i *item) ReadAt(p []byte, off int64) (int, error) {
	if i.s.gate != nil && off >= gateFrom {
		<-i.s.gate
	}
	n, err := i.Reader.ReadAt(p, off)
	i.s.read.Add(int64(n))
	return n, err
}

func (*item) Close() error { return nil }

// rig is a Fetcher and what it fetches from.
type rig struct {
	*transfer.Fetcher
	t      *testing.T
	shelf  *shelf
	files  *vfs.Tree
	here   link.Conn
	served chan error
}

func newTree(t testing.TB) *vfs.Tree {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	files, err := vfs.Open(root, vfs.Options{Name: "images"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { files.Close() })
	return files
}

func newRig(t *testing.T) *rig {
	t.Helper()
	before := runtime.NumGoroutine()
	r := &rig{t: t, shelf: &shelf{}, files: newTree(t), served: make(chan error, 100)}
	r.connect()
	t.Cleanup(func() {
		r.Close()
		r.here.Close()
		for end := time.Now().Add(patience); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				buf := make([]byte, 1<<20)
				t.Fatalf("goroutines are left:\n%s", buf[:runtime.Stack(buf, true)])
			}
		}
	})
	return r
}

// connect gives the rig a new connection and Fetcher.
func (r *rig) connect() {
	here, there := linktest.Pipe()
	r.here = here
	r.Fetcher = transfer.NewFetcher(transfer.Options{Open: here.Open, Files: r.files})
	go linktest.Serve(there, func(s link.Stream) { r.served <- transfer.Serve(context.Background(), s, r.shelf, nil, nil) })
}

// fetch fetches wants and returns the results by path.
func (r *rig) fetch(wants ...transfer.Want) map[index.Path]transfer.Result {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	results := make(map[index.Path]transfer.Result)
	if err := r.Fetch(ctx, wants, func(res transfer.Result) { results[res.Want.Path] = res }); err != nil {
		r.t.Fatal(err)
	}
	return results
}

// check looks at what was staged for a want.
func (r *rig) check(res transfer.Result, want []byte) {
	r.t.Helper()
	p := res.Want.Path
	if res.Err != nil {
		r.t.Errorf("%v: %v", p, res.Err)
		return
	}
	c, err := r.files.OpenHeld(res.Held)
	if err != nil {
		r.t.Error(err)
		return
	}
	defer c.Close()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, want) {
		r.t.Errorf("%v: %d bytes that differ, %v", p, len(got), err)
	}
	info, err := c.Stat()
	if err != nil || info.Stamp != res.Stamp {
		r.t.Errorf("%v: stamp %+v, reported %+v, %v", p, info.Stamp, res.Stamp, err)
	}
	if info.Stamp.Mode&0o7777 != res.Want.Meta.Mode || info.Stamp.ModTime != res.Want.Meta.ModTime {
		r.t.Errorf("%v: mode %o and time %d were not set", p, info.Stamp.Mode, info.Stamp.ModTime)
	}
}

func (r *rig) staged() (names []string) {
	r.t.Helper()
	infos, err := r.files.ListHeld(vfs.Stage)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, i := range infos {
		names = append(names, i.Name)
	}
	return names
}

// noise does not compress; text does.
func noise(n int) []byte {
	b := make([]byte, n)
	rnd := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)})
	rnd.Read(b)
	return b
}

func text(n int) []byte {
	return bytes.Repeat([]byte("all work and no play makes jack a dull boy\n"), n/43+1)[:n]
}

func TestFetch(t *testing.T) {
	r := newRig(t)
	contents := map[index.Path][]byte{
		"empty":         {},
		"one byte":      []byte("x"),
		"a piece":       noise(wire.MaxPiece),
		"a piece more":  noise(wire.MaxPiece + 1),
		"big":           noise(9<<20 + 17),
		"text":          text(5 << 20),
		"text, then no": append(text(1<<20), noise(1<<20)...),
		"no, then text": append(noise(1<<20), text(1<<20)...),
		"raw \xff name": []byte("raw"),
	}
	for i := range 3000 {
		contents[index.Path(fmt.Sprintf("small/%d", i))] = []byte(fmt.Sprintf("content of %d", i))
	}
	var wants []transfer.Want
	var total int64
	for p, b := range contents {
		w := r.shelf.put(p, b)
		w.Staged = fmt.Sprintf("staged-%d", len(wants))
		wants = append(wants, w)
		total += int64(len(b))
	}
	results := r.fetch(wants...)
	for p, b := range contents {
		r.check(results[p], b)
	}
	if got := r.Received(); got != total {
		t.Errorf("counts %d bytes, want %d", got, total)
	}
	if got := len(r.staged()); got != len(wants) {
		t.Errorf("%d names in the stage for %d contents", got, len(wants))
	}
}

func TestCompressesWhereItPays(t *testing.T) {
	r := newRig(t)
	r.check(r.fetch(r.shelf.put("text", text(8<<20)))["text"], text(8<<20))
	if _, out := r.here.Traffic(); out > 1<<20 {
		t.Errorf("%d bytes of requests", out)
	}
	in, _ := r.here.Traffic()
	if in > 1<<20 {
		t.Errorf("8 MiB of text took %d bytes", in)
	}
	r.check(r.fetch(r.shelf.put("noise", noise(1<<20)))["noise"], noise(1<<20))
	if again, _ := r.here.Traffic(); again-in > 1<<20+1<<10 {
		t.Errorf("1 MiB of noise took %d bytes", again-in)
	}
}

// Names for several wants of one content: it comes once.
func TestOneContentComesOnce(t *testing.T) {
	r := newRig(t)
	b := noise(100_000)
	var wants []transfer.Want
	for i := range 10 {
		w := r.shelf.put(index.Path(fmt.Sprintf("copy-%d", i)), b)
		w.Staged = fmt.Sprintf("staged-%d", i)
		w.Meta.Mode = uint32(0o600 + i)
		wants = append(wants, w)
	}
	for _, res := range r.fetch(wants...) {
		r.check(res, b)
	}
	if len(r.shelf.opened) != 1 {
		t.Errorf("the peer was asked %d times", len(r.shelf.opened))
	}
}

func TestRefusals(t *testing.T) {
	r := newRig(t)
	put := func(p index.Path, err error) transfer.Want {
		w := r.shelf.put(p, []byte(p))
		r.shelf.errs[p] = err
		return w
	}
	short := r.shelf.put("short", noise(5000))
	short.Size = 6000
	wants := []transfer.Want{
		put("busy", fmt.Errorf("it is %w", transfer.ErrBusy)),
		put("changed", transfer.ErrChanged),
		put("broken", errors.New("read: input/output error\x1b[2J")),
		{Path: "never there", Hash: index.Hash{1}, Size: 10},
		short,
		r.shelf.put("fine", []byte("fine")),
	}
	results := r.fetch(wants...)
	for p, want := range map[index.Path]wire.Refusal{
		"busy": wire.Busy, "changed": wire.Changed, "broken": wire.Failed, "never there": wire.Gone, "short": wire.Changed,
	} {
		var refused *transfer.RefusedError
		if err := results[p].Err; !errors.As(err, &refused) || refused.Refusal != want {
			t.Errorf("%v: got %v, want %v", p, err, want)
		} else if strings.Contains(err.Error(), "\x1b") || refused.Text == "" {
			t.Errorf("%v: text %q", p, refused.Text)
		}
	}
	r.check(results["fine"], []byte("fine"))
}

// The peer announced one thing and has another: that want fails, leaves
// nothing behind, and the others go on.
func TestWrongHash(t *testing.T) {
	r := newRig(t)
	var wants []transfer.Want
	for name, size := range map[string]int{"small": 10, "large": 3 << 20} {
		bad := r.shelf.put(index.Path("bad "+name), noise(size))
		bad.Hash[0] ^= 1
		wants = append(wants, bad, r.shelf.put(index.Path("good "+name), noise(size)))
	}
	notEmpty := transfer.Want{Path: "not empty", Hash: index.Hash{9}}
	results := r.fetch(append(wants, notEmpty)...)
	for p, res := range results {
		if strings.HasPrefix(string(p), "good") {
			r.check(res, r.shelf.files[p])
		} else if res.Err == nil || !strings.Contains(res.Err.Error(), "another hash") {
			t.Errorf("%v: %v", p, res.Err)
		}
	}
	if got := r.staged(); len(got) != 2 {
		t.Errorf("in the stage: %v", got)
	}
}

// A cut connection leaves what has arrived, and the next Fetcher asks for the
// rest only.
func TestResume(t *testing.T) {
	r := newRig(t)
	b := noise(20 << 20)
	w := r.shelf.put("big", b)
	r.shelf.gate = make(chan struct{})
	cut := r.here
	go func() {
		for range 16 { // some pieces beyond gateFrom
			r.shelf.gate <- struct{}{}
		}
		cut.Close()
		close(r.shelf.gate)
	}()
	if err := r.fetch(w)["big"].Err; err == nil {
		t.Fatal("complete, although the connection was cut")
	}
	r.Close()
	info, err := r.files.LstatHeld(vfs.Held{Area: vfs.Stage, Name: transfer.PartName(w.Hash)})
	if err != nil || info.Stamp.Size == 0 {
		t.Fatalf("%d bytes are left for the next time, %v", info.Stamp.Size, err)
	}
	before := r.Received()
	if before < info.Stamp.Size {
		t.Errorf("counts %d bytes and keeps %d", before, info.Stamp.Size)
	}
	r.connect()
	r.check(r.fetch(w)["big"], b)
	if got := r.Received(); got != int64(len(b))-info.Stamp.Size {
		t.Errorf("fetched %d bytes, %d were here of %d", got, info.Stamp.Size, len(b))
	}
}

// A partial file that is not a part of the content, too long, or complete.
func TestLeftovers(t *testing.T) {
	b := noise(1 << 20)
	for name, c := range map[string]struct {
		left    []byte
		fetched int
		ok      bool
	}{
		"complete": {b, 0, true},
		"wrong":    {noise(1<<20 + 1)[:1<<20], len(b), true},
		"longer":   {append(b[:len(b):len(b)], "more"...), len(b), true},
		"garbage":  {noise(1234), len(b) - 1234, false},
		"prefix":   {b[:1000], len(b) - 1000, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			w := r.shelf.put("p", b)
			d, err := r.files.Create(vfs.Held{Area: vfs.Stage, Name: transfer.PartName(w.Hash)})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := d.Write(c.left); err != nil {
				t.Fatal(err)
			}
			d.Close()
			res := r.fetch(w)["p"]
			if got := r.Received(); got != int64(c.fetched) {
				t.Errorf("fetched %d bytes, want %d", got, c.fetched)
			}
			if !c.ok {
				if res.Err == nil {
					t.Fatal("a wrong beginning went unnoticed")
				}
				res = r.fetch(w)["p"] // without it, all is well
			}
			r.check(res, b)
		})
	}
}

// Giving up ends the transfer of what nobody else wants; what others want is
// not disturbed.
func TestCancel(t *testing.T) {
	r := newRig(t)
	r.shelf.gate = make(chan struct{}) // large contents stop at gateFrom
	var large []transfer.Want
	for i := range 3 { // as many as there are streams for them
		large = append(large, r.shelf.put(index.Path(fmt.Sprintf("large-%d", i)), noise(5<<20+i)))
	}
	shared := large[2]
	shared.Staged = "shared"
	ctx, cancel := context.WithCancel(context.Background())
	gaveUp := make(chan error, 1)
	go func() {
		gaveUp <- r.Fetch(ctx, large, func(res transfer.Result) { t.Errorf("%v: %v", res.Want.Path, res.Err) })
	}()
	for r.Received() < 3*gateFrom {
		time.Sleep(time.Millisecond)
	}
	kept := make(chan transfer.Result, 1)
	go r.Fetch(context.Background(), []transfer.Want{shared}, func(res transfer.Result) { kept <- res })

	// Small contents pass although every large one is stuck.
	for _, res := range r.fetch(r.shelf.put("small", []byte("small"))) {
		r.check(res, []byte("small"))
	}
	cancel()
	select {
	case err := <-gaveUp:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("gave up with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Fetch does not give up")
	}
	close(r.shelf.gate)
	select {
	case res := <-kept:
		r.check(res, r.shelf.files["large-2"])
	case <-time.After(patience):
		t.Fatal("what another wanted did not come")
	}
	for _, w := range large[:2] {
		if info, err := r.files.LstatHeld(vfs.Held{Area: vfs.Stage, Name: transfer.PartName(w.Hash)}); err != nil || info.Stamp.Size == 0 {
			t.Errorf("%v: nothing is left for the next time: %v", w.Path, err)
		}
	}
}

func TestLostConnection(t *testing.T) {
	r := newRig(t)
	r.here.Close()
	for _, res := range r.fetch(r.shelf.put("a", []byte("a")), r.shelf.put("b", noise(1<<20))) {
		if res.Err == nil {
			t.Errorf("%v came over a closed connection", res.Want.Path)
		}
	}
	r.Close()
	for _, res := range r.fetch(r.shelf.put("a", []byte("a"))) {
		if res.Err == nil {
			t.Errorf("%v came through a closed Fetcher", res.Want.Path)
		}
	}
}

// Two at once want the same, and have it both.
func TestConcurrentFetches(t *testing.T) {
	r := newRig(t)
	var wg sync.WaitGroup
	for n := range 4 {
		var wants []transfer.Want
		for i := range 200 {
			w := r.shelf.put(index.Path(fmt.Sprintf("f%d", i)), []byte(fmt.Sprintf("content %d", i)))
			w.Staged = fmt.Sprintf("for-%d-%d", n, i)
			wants = append(wants, w)
		}
		wg.Go(func() {
			for _, res := range r.fetch(wants...) {
				r.check(res, []byte(strings.Replace(string(res.Want.Path), "f", "content ", 1)))
			}
		})
	}
	wg.Wait()
}
