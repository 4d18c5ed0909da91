package hostile

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"duet/replicate"
	"duet/replicate/link"
)

// honest is the share that both nodes mean well with, next to the attack.
type honest struct {
	v       *victim
	hub     *link.Hub
	stop    context.CancelFunc
	running sync.WaitGroup
	share   *replicate.Share

	times   atomic.Int64
	longest time.Duration
	failed  string
}

// newHub is the attacker's side of the link: it has the key that the victim
// trusts.
func newHub(v *victim, retry time.Duration) (*link.Hub, replicate.Config) {
	v.t.Helper()
	mine, err := link.LoadKey(filepath.Join(v.peer.State, "node_key"))
	must(v.t, err)
	theirs, err := link.ParsePublicKey(v.Key)
	must(v.t, err)
	hub, err := link.NewHub(link.Options{
		Key: mine, Peer: theirs, PeerName: "victim", Address: v.Listen,
		RetryMin: retry, RetryMax: 20 * retry,
	})
	must(v.t, err)
	return hub, replicate.Config{
		Name: "good", Path: v.peer.Root("good"), NodeName: "mallory", PeerName: "victim",
		Node: link.NodeID(mine.Public()), Peer: link.NodeID(theirs),
		File: filepath.Join(v.peer.State, "good.db"), Version: "test", Rescan: -1,
	}
}

// startHonest begins to write files on both sides of the good share, again and
// again, and to wait for them on the other.
func startHonest(v *victim) *honest {
	v.t.Helper()
	hub, cfg := newHub(v, time.Millisecond)
	share, err := replicate.Open(cfg)
	must(v.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	h := &honest{v: v, hub: hub, stop: cancel, share: share}
	up := make(chan struct{})
	h.running.Go(func() { hub.Run(ctx) })
	h.running.Go(func() { share.Run(ctx, hub.Endpoint("good")) })
	h.running.Go(func() {
		for i := 0; ctx.Err() == nil && h.failed == ""; i++ {
			h.exchange(ctx, i)
			if i == 0 {
				close(up)
			}
			select {
			case <-time.After(200 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	})
	select {
	case <-up:
	case <-time.After(patience):
		v.t.Fatal("the honest share does not come up")
	}
	return h
}

// exchange writes one file and waits until the other side has it.
func (h *honest) exchange(ctx context.Context, i int) {
	from, to := h.v.peer.Root("good"), h.v.Root("good")
	if i%2 == 1 {
		from, to = to, from
	}
	name, content := fmt.Sprint("file", i%4), fmt.Sprint("honest ", i)
	began := time.Now()
	if err := os.WriteFile(filepath.Join(from, name), []byte(content), 0o644); err != nil {
		h.failed = err.Error()
		return
	}
	for {
		if b, _ := os.ReadFile(filepath.Join(to, name)); string(b) == content {
			break
		}
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > patience {
			h.failed = fmt.Sprintf("%s was written in %s, and is not in %s after %v", name, from, to, patience)
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
	h.times.Add(1)
	h.longest = max(h.longest, time.Since(began))
}

// end checks that the share went on all the time.
func (h *honest) end() {
	h.stop()
	h.running.Wait()
	must(h.v.t, h.share.Close())
	if h.failed != "" {
		h.v.t.Errorf("the other share did not go on: %s", h.failed)
	}
	h.v.t.Logf("meanwhile the other share took %d changes, none in more than %v", h.count(), h.longest.Round(time.Millisecond))
}

// count is how many changes the share took so far.
func (h *honest) count() int64 { return h.times.Load() }
