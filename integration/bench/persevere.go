package main

import (
	"fmt"
	"time"
)

// enduring is the patience with one step of growth: it is for a tree that takes
// as long as it is large, on a machine that may have other work to do.
func enduring(files int) time.Duration {
	return max(patience, 5*time.Minute+time.Duration(files)*1500*time.Microsecond)
}

// persevere is await, as long as growing takes; every so often it says what the
// state is.
func (s *session) persevere(every time.Duration, state func() string, done func() bool) (time.Time, error) {
	const tellEvery = 15 * time.Second
	began := time.Now()
	next := began.Add(tellEvery)
	at, err := s.await(every, enduring(s.size.files), func() bool {
		if done() {
			return true
		}
		if now := time.Now(); now.After(next) {
			next = now.Add(tellEvery)
			fmt.Printf("           after %4.0f s: %s\n", now.Sub(began).Seconds(), state())
		}
		return false
	})
	if err != nil {
		err = fmt.Errorf("%w: %s", err, state())
	}
	return at, err
}
