package replicate

import (
	"context"
	"io"

	"duet/store"
)

// Share is one share of one node. Open, then Run; the other methods may be
// called from any goroutine at any time.
type Share struct{ cfg Config }

// Open opens the share's index and settles what a crash left.
func Open(cfg Config) (*Share, error) { return &Share{cfg: cfg.withDefaults()}, nil }

// Status returns what the share last said of itself.
func (s *Share) Status() Status { return Status{Name: s.cfg.Name} }

// View runs a query on the index.
func (s *Share) View(f func(*store.Tx) error) error { return nil }

// CopyTo writes a clean copy of the index.
func (s *Share) CopyTo(w io.Writer) (int64, error) { return 0, nil }

// Plan says what would be done, on both sides, from what is known now.
func (s *Share) Plan(ctx context.Context) (*Plan, error) { return nil, nil }

// Apply releases what is held, if the plan is still the one with this id.
func (s *Share) Apply(ctx context.Context, id string) error { return nil }

// Approve lets deletes that wait for approval happen; id "" is whatever waits.
func (s *Share) Approve(ctx context.Context, id string) error { return nil }

// Pause stops writing to the tree until Resume, also across restarts.
func (s *Share) Pause(ctx context.Context) error { return nil }

// Resume ends Pause.
func (s *Share) Resume(ctx context.Context) error { return nil }

// AcceptRoot takes the directory now at the share's path as its root.
func (s *Share) AcceptRoot(ctx context.Context) error { return nil }

// Flush returns when both sides have everything that was there when it was
// called, or ctx ends.
func (s *Share) Flush(ctx context.Context) error { return nil }

// Restore brings a kept version back: to its place, where it is synced like
// any edit, or to a file or directory outside the share.
func (s *Share) Restore(ctx context.Context, kept uint64, to string) error { return nil }

// Run runs the share until ctx ends: it scans, watches, and talks to the peer
// over each connection that conns delivers.
func (s *Share) Run(ctx context.Context, peer Peer) error { return nil }
