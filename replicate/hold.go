package replicate

import (
	"fmt"
	"time"

	"duet/replicate/expiry"
	"duet/replicate/wire"
	"duet/store"
)

// holds says why this node wants nothing applied after it meets the peer until a
// person has looked; "" if it does not.
func (s *Share) holds() (why string, err error) {
	if s.cfg.OnReconnect == "hold" {
		if s.cfg.HoldWhy != "" {
			return s.cfg.HoldWhy, nil
		}
		return "on_reconnect: hold", nil
	}
	if s.cfg.HoldAfter <= 0 {
		return "", nil
	}
	var since int64
	err = s.st.View(func(tx *store.Tx) error {
		m, err := tx.Meta()
		since = m.Apart()
		return err
	})
	if err != nil || since == 0 {
		return "", err
	}
	if apart := s.now().Sub(time.Unix(0, since)); apart > s.cfg.HoldAfter {
		return fmt.Sprintf("apart for %v, longer than hold_after, which is %s", apart.Round(time.Second), expiry.AgeText(s.cfg.HoldAfter)), nil
	}
	return "", nil
}

// whyHeld says why the session is held.
func (l *loop) whyHeld(ours *wire.Hello) string {
	if !ours.Hold {
		return l.s.cfg.PeerName + " asks for it: its on_reconnect or hold_after, or a 'duet recover' that runs there"
	}
	why, err := l.s.holds()
	if err != nil || why == "" {
		return "hold_after" // the clock went on, or back, since
	}
	return why
}

// togetherParts is how often in a hold_after it is written down that the nodes
// are connected: a crash must not look like a long time apart.
const togetherParts = 24

// noteTogether writes down from time to time that the nodes are connected.
func (l *loop) noteTogether(now time.Time) {
	after := l.s.cfg.HoldAfter
	if after <= 0 || !l.talk.greeted || l.talk.held || now.Before(l.talk.together) {
		return
	}
	l.talk.together = now.Add(max(after/togetherParts, time.Minute))
	l.remember(func(m *store.Meta) { m.Together = l.s.now().UnixNano() })
}
