package link_test

import (
	"context"
	"io"
	"testing"

	"duet/replicate/link"
)

// One stream over loopback, both ends in this process.
func BenchmarkThroughput(b *testing.B) {
	for _, cipher := range []string{"aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"} {
		b.Run(cipher, func(b *testing.B) {
			x, y := pair(b, func(o *link.Options) { o.Ciphers = []string{cipher} })
			d := y.Endpoint("images")
			s, err := next(b, x.Endpoint("images")).Open(context.Background(), "x")
			if err != nil {
				b.Fatal(err)
			}
			u, err := next(b, d).Accept(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			read := make(chan error, 1)
			go func() {
				_, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, u, make([]byte, 64<<10))
				read <- err
			}()
			block := make([]byte, 256<<10)
			b.SetBytes(int64(len(block)))
			for b.Loop() {
				if _, err := s.Write(block); err != nil {
					b.Fatal(err)
				}
			}
			s.Close()
			if err := <-read; err != nil {
				b.Error(err)
			}
		})
	}
}

// How long it takes to connect: handshake, authentication and join.
func BenchmarkConnect(b *testing.B) {
	x, y := pair(b, func(*link.Options) {})
	e, f := x.Endpoint("images"), y.Endpoint("images")
	for b.Loop() {
		c, d := next(b, e), next(b, f)
		c.Close()
		ended(b, d)
	}
}
