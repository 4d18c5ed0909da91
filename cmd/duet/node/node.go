// Package node is a whole running node: the link to the peer, every share,
// and the control socket through which all other commands talk to it.
package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"duet/cmd/duet/config"
	"duet/cmd/duet/exit"
	"duet/replicate"
	"duet/replicate/link"
	"duet/replicate/pace"
	"duet/replicate/report"
	"duet/store"
	"duet/store/index"
)

// Options is what is not in the config.
type Options struct {
	Log     *slog.Logger
	Verbose bool   // a log line per file
	Hold    bool   // every share holds back until it is released, whatever its on_reconnect says
	Only    string // this share only; "": all
	Version string
	Pprof   bool   // profiles of the process are served on the control socket
	Ready   func() // called when everything runs
}

// Node is a running node: Open, then Run.
type Node struct {
	cfg     *config.Config
	opt     Options
	hub     *link.Hub
	id      index.NodeID
	peer    index.NodeID
	units   []*unit
	limit   *pace.Limiter // of all shares
	socket  net.Listener
	started time.Time
}

// unit is a share, or, if share is nil, why it could not be opened.
type unit struct {
	cfg   config.Share
	share *replicate.Share
	ep    *link.Endpoint
	err   error
}

// Prepare makes the state directory.
func Prepare(cfg *config.Config) error {
	if err := os.MkdirAll(filepath.Join(cfg.State, "shares"), 0o700); err != nil {
		return fmt.Errorf("make the state directory: %w: name another with 'state:' or --state", err)
	}
	return nil
}

// Open locks the state directory and opens every share. A share that cannot
// be opened does not keep the others from it: its status says why.
func Open(cfg *config.Config, opt Options) (*Node, error) {
	if err := Prepare(cfg); err != nil {
		return nil, err
	}
	if err := alone(cfg.State); err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg, opt: opt, limit: pace.NewLimiter(cfg.Limit(), nil), started: time.Now()}
	if err := n.openHub(); err != nil {
		return nil, err
	}
	for _, s := range cfg.Shares {
		if opt.Only != "" && s.Name != opt.Only {
			continue
		}
		u, err := n.openFree(s)
		if err != nil {
			return nil, errors.Join(err, n.Close())
		}
		n.units = append(n.units, u)
	}
	var err error
	if n.socket, err = listen(cfg.State); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *Node) openHub() error {
	_, statErr := os.Stat(n.cfg.KeyFile())
	key, err := link.LoadOrCreateKey(n.cfg.KeyFile(), n.cfg.Node)
	if err != nil {
		return err
	}
	if statErr != nil {
		n.opt.Log.Warn("made a new node key: the other host must have it as peer.key", "key", key.Public().Line(n.cfg.Node))
	}
	peer, err := link.ParsePublicKey(n.cfg.Peer.Key)
	if err != nil {
		return n.cfg.Wrong("peer.key", "", err.Error())
	}
	if peer.Fingerprint() == key.Public().Fingerprint() {
		return n.cfg.Wrong("peer.key", "write what 'duet key' prints on the other host", "peer.key is this node's own key")
	}
	n.id, n.peer = link.NodeID(key.Public()), link.NodeID(peer)
	n.hub, err = link.NewHub(link.Options{
		Key: key, Peer: peer, PeerName: n.cfg.Peer.Name, Listen: n.cfg.Listen, Address: n.cfg.Peer.Address, Log: n.opt.Log,
	})
	return err
}

// busy is how long an index may be in use by another process before that is
// an error: an inspection of a stopped node's index is over by then.
const busy = 5 * time.Second

// openFree opens a share whose index another process may be looking at.
func (n *Node) openFree(s config.Share) (*unit, error) {
	deadline := time.Now().Add(busy)
	for {
		u := n.openShare(s)
		if !errors.Is(u.err, store.ErrLocked) {
			return u, nil
		}
		if err := alone(n.cfg.State); err != nil {
			return nil, err
		}
		if time.Now().After(deadline) {
			return nil, u.err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (n *Node) openShare(s config.Share) *unit {
	u := &unit{cfg: s}
	cfg := ShareConfig(n.cfg, s)
	cfg.Node, cfg.Peer = n.id, n.peer
	cfg.Limit = n.limit
	cfg.Version, cfg.Verbose, cfg.Log = n.opt.Version, n.opt.Verbose, n.opt.Log
	if n.opt.Hold {
		cfg.OnReconnect, cfg.HoldWhy = "hold", "duet recover runs this node, and nothing is applied before you agree"
	}
	u.share, u.err = replicate.Open(cfg)
	if errors.Is(u.err, store.ErrLocked) {
		return u
	}
	if u.err != nil {
		u.share = nil
		n.opt.Log.Error("a share is halted: the others go on", "share", s.Name, "error", u.err)
		return u
	}
	u.ep = n.hub.Endpoint(s.Name)
	return u
}

// ShareConfig is a share of the config, in replicate's terms.
func ShareConfig(c *config.Config, s config.Share) replicate.Config {
	hold, _ := s.Hold() // Load has checked
	rescan := s.Rescan
	if rescan == 0 {
		rescan = -1 // never; zero is replicate's default
	}
	every, rate := s.Verify()
	return replicate.Config{
		VerifyEvery: every, VerifyRate: rate,
		Name: s.Name, Path: filepath.Clean(s.Path), Holding: s.Holding, Owner: s.Owner,
		Conflict: s.Conflict, Deletes: s.Deletes, MaxDelete: s.MaxDelete, MaxDeleteUnder: s.Bounds(), MaxDeleteWindow: s.MaxDeleteWindow, Ignore: s.Ignore, SpecialBits: s.SpecialBits,
		Settle: s.Settle, MaxSettle: s.MaxSettle, Rescan: rescan, Hashers: s.Hashers, ScanNice: s.ScanNice, Transfers: s.Transfers, OnReconnect: s.OnReconnect, HoldAfter: hold,
		Keep: s.Limits(), Journal: s.EventLimits(),
		NodeName: c.Node, PeerName: c.Peer.Name, File: c.Index(s.Name),
	}
}

// Run runs until ctx ends and everything under way has been brought to an
// end. Shares stop first, so that they can still say goodbye to the peer.
func (n *Node) Run(ctx context.Context) error {
	hubCtx, stopHub := context.WithCancel(context.WithoutCancel(ctx))
	defer stopHub()
	shareCtx, stopShares := context.WithCancel(ctx)
	defer stopShares()

	var hub, shares errgroup.Group
	hub.Go(func() error {
		defer stopShares()
		return n.hub.Run(hubCtx)
	})
	for _, u := range n.units {
		if u.share == nil {
			continue
		}
		shares.Go(func() error {
			if err := u.share.Run(shareCtx, u.ep); err != nil && shareCtx.Err() == nil {
				n.opt.Log.Error("a share stopped: the others go on", "share", u.cfg.Name, "error", err)
				<-shareCtx.Done() // its status goes on to say so
			}
			return nil
		})
	}
	serving := n.serve()
	if n.opt.Ready != nil {
		n.opt.Ready()
	}
	<-shareCtx.Done()
	err := shares.Wait()
	stopHub()
	return errors.Join(err, hub.Wait(), serving(), n.closeShares())
}

// Close gives back what Open took, for a node that is never Run.
func (n *Node) Close() error { return errors.Join(n.hub.Close(), n.closeShares()) }

func (n *Node) closeShares() error {
	var err error
	for _, u := range n.units {
		if u.share != nil {
			err = errors.Join(err, u.share.Close())
		}
	}
	return err
}

// Addr is the address that the node listens on, "" if it does not.
func (n *Node) Addr() string {
	if a := n.hub.Addr(); a != nil {
		return a.String()
	}
	return ""
}

// ID is the node's identity.
func (n *Node) ID() index.NodeID { return n.id }

func (n *Node) unit(name string) (*unit, error) {
	for _, u := range n.units {
		if u.cfg.Name == name {
			if u.share == nil {
				return nil, exit.With(exit.Halted, fmt.Errorf("share %q is halted: %w", name, u.err))
			}
			return u, nil
		}
	}
	return nil, exit.Errorf(exit.Usage, "the running daemon has no share %q: restart it if the config changed", name)
}

// Status is what the node says of itself now.
func (n *Node) Status() *Status {
	s := &Status{
		Node: n.cfg.Node, ID: n.id.String(), Running: true, PID: os.Getpid(), Version: n.opt.Version, Started: n.started,
		State: n.cfg.State, Config: n.cfg.File, Listen: n.Addr(),
		BWLimit: n.limit.Rate(), BWTable: n.cfg.BWLimit,
		Peer: PeerStatus{Name: n.cfg.Peer.Name, ID: n.peer.String(), Address: n.cfg.Peer.Address},
	}
	for _, u := range n.units {
		st := u.status()
		s.Peer.Connected = s.Peer.Connected || st.Connected
		if s.Peer.LastError == "" {
			s.Peer.LastError = st.LastError
		}
		s.Shares = append(s.Shares, st)
	}
	return s
}

func (u *unit) status() report.Status {
	if u.share == nil {
		return report.Status{Name: u.cfg.Name, State: report.Failed, Reason: u.err.Error(), Root: u.cfg.Path, Problems: []report.Problem{}}
	}
	st := u.share.Status()
	if link := u.ep.State(); !st.Connected && st.LastError == "" {
		st.LastError = link.Error
	}
	if st.Problems == nil {
		st.Problems = []report.Problem{}
	}
	return st
}
