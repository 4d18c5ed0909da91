package doctor

import (
	"context"
	"net"
	"time"

	"duet/cmd/duet/node"
)

// patience is how long the peer may take to answer.
const patience = 5 * time.Second

// largeSkew is from when on the clocks differ so much that a person wonders.
// Nothing is decided by clocks but which of two concurrent edits is the newer.
const largeSkew = 2 * time.Second

// daemon looks whether one runs here, and at what it says.
func (x *exam) daemon(ctx context.Context) {
	client, err := node.Dial(x.cfg.State)
	if err == nil {
		x.status, err = client.Status(ctx)
	}
	if err != nil {
		x.status = nil
		x.say("daemon", Bad, "start it: duet run, or systemctl start duet", "duet is not running with the state in %s", x.cfg.State)
		return
	}
	x.say("daemon", Well, "", "duet %s runs as process %d, since %s", x.status.Version, x.status.PID, x.status.Started.Format(time.DateTime))
}

// peer looks whether the other host can be reached. A daemon that is connected
// knows; else a connection is tried, and closed again.
func (x *exam) peer(ctx context.Context) {
	name, address := x.cfg.Peer.Name, x.cfg.Peer.Address
	if x.status != nil && x.status.Peer.Connected {
		x.say("peer", Well, "", "%s is connected", name)
		x.clocks()
		return
	}
	if x.status != nil && x.status.Peer.LastError != "" {
		x.say("peer", Bad, "", "%s is not connected: %s", name, x.status.Peer.LastError)
		return
	}
	if address == "" {
		x.say("peer", Doubt, "look at it there: duet doctor", "%s is not connected: it is %s that dials, to %s", name, name, x.cfg.Listen)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		x.say("peer", Bad, "see that duet runs there and listens, and that no firewall is in between", "%s cannot be reached at %s: %v", name, address, err)
		return
	}
	conn.Close()
	x.say("peer", Well, "", "something listens at %s, the address of %s", address, name)
}

func (x *exam) clocks() {
	for i := range x.status.Shares {
		s := &x.status.Shares[i]
		if !s.Connected {
			continue
		}
		skew := time.Duration(s.ClockSkewMS) * time.Millisecond
		if skew.Abs() >= largeSkew {
			x.say("clocks", Doubt, "have both hosts' clocks set by NTP", "the clock of %s differs from this one by %s: of two edits at the same time, the wrong one may be taken for the newer",
				x.cfg.Peer.Name, skew)
			return
		}
		x.say("clocks", Well, "", "that of %s differs from this one by %s", x.cfg.Peer.Name, skew)
		return
	}
}
