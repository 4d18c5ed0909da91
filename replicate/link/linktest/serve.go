package linktest

import (
	"context"
	"sync"

	"duet/replicate/link"
)

// Serve has each stream that the other side opens served on its own, until c is
// closed, and returns when all of that has ended.
func Serve(c link.Conn, serve func(link.Stream)) {
	var running sync.WaitGroup
	defer running.Wait()
	for {
		s, err := c.Accept(context.Background())
		if err != nil {
			return
		}
		running.Go(func() { serve(s) })
	}
}
