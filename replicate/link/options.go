package link

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"
)

// Options is what a Hub needs to know. Times that are zero get their default.
type Options struct {
	Key      *Key
	Peer     PublicKey
	PeerName string // for people
	Listen   string // address to listen on; "" to only dial
	Address  string // the peer's address, HOST:PORT; "" to only be dialled
	Log      *slog.Logger

	Ping      time.Duration // something is sent at least this often; default 2.5 s
	Silence   time.Duration // a connection that hears nothing for so long is closed; default 8 s
	Handshake time.Duration // from accept to a working connection; default 10 s
	RetryMin  time.Duration // first pause between attempts to dial; default 10 ms: mostly both hosts start together
	RetryMax  time.Duration // longest pause; default 4 s
	Courtesy  time.Duration // for which a node that both dials and listens lets the other go first; default 0.2 s

	// Ciphers, in order of preference, for measurements. Default: AES-GCM
	// before ChaCha20, which is about three times as slow here.
	Ciphers []string
}

func (o Options) withDefaults() Options {
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	set(&o.Ping, 2500*time.Millisecond)
	set(&o.Silence, 8*time.Second)
	set(&o.Handshake, 10*time.Second)
	set(&o.RetryMin, 10*time.Millisecond)
	set(&o.RetryMax, 4*time.Second)
	set(&o.Courtesy, 200*time.Millisecond)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.PeerName == "" {
		o.PeerName = "peer"
	}
	if o.Ciphers == nil {
		o.Ciphers = ciphers
	}
	return o
}

func (o Options) check() error {
	switch {
	case o.Key == nil:
		return errors.New("no node key")
	case o.Peer.IsZero():
		return errors.New("no key of the peer: set peer.key to what 'duet key' prints on the other host")
	case o.Peer.is(o.Key.signer.PublicKey()):
		return errors.New("peer.key is this node's own key: set it to what 'duet key' prints on the other host")
	case o.Listen == "" && o.Address == "":
		return errors.New("neither listen nor peer.address is set: set one of them, so that the two nodes can meet")
	}
	if o.Address != "" {
		if _, port, err := net.SplitHostPort(o.Address); err != nil || port == "" {
			return fmt.Errorf("peer.address %q: must be HOST:PORT", o.Address)
		}
	}
	return nil
}
