package link_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"duet/replicate/link"
)

func TestWrongKeys(t *testing.T) {
	t.Parallel()
	small, large := keys(t)
	stranger := newKey(t)
	b := start(t, large, small.Public(), listening)
	b.Endpoint("images")

	t.Run("the dialler's", func(t *testing.T) {
		a := start(t, stranger, large.Public(), dialling(b.Addr()))
		x := a.Endpoint("images")
		eventually(t, "a refusal", func() bool { return x.State().Error != "" })
		want := "tgt-b does not accept this node's key " + stranger.Public().Fingerprint()
		if got := x.State().Error; !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q...", got, want)
		}
		a.stop()
		eventually(t, "a line in the log", func() bool { return b.log.String() != "" })
		log := b.log.String()
		if !strings.Contains(log, stranger.Public().Fingerprint()) || !strings.Contains(log, small.Public().Fingerprint()) || strings.Count(log, "\n") != 1 {
			t.Errorf("one line with both fingerprints was wanted:\n%s", log)
		}
	})
	t.Run("the listener's", func(t *testing.T) {
		a := start(t, small, stranger.Public(), dialling(b.Addr()))
		x := a.Endpoint("images")
		eventually(t, "a refusal", func() bool { return x.State().Error != "" })
		got := x.State().Error
		for _, want := range []string{large.Public().Fingerprint(), stranger.Public().Fingerprint(), "duet key", "peer.key"} {
			if !strings.Contains(got, want) {
				t.Errorf("%q is missing in %q", want, got)
			}
		}
	})
}

// dialSSH connects as the peer would, but speaks plain SSH from there on.
func dialSSH(t *testing.T, addr net.Addr, user string, auth ...ssh.AuthMethod) (*ssh.Client, error) {
	t.Helper()
	return ssh.Dial("tcp", addr.String(), &ssh.ClientConfig{
		User: user, Auth: auth, HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: patience,
	})
}

// writeKey stores a key for OpenSSH.
func writeKey(t *testing.T) (path string, key *link.Key) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "node_key")
	key, err := link.LoadOrCreateKey(path, "tgt-a")
	if err != nil {
		t.Fatal(err)
	}
	return path, key
}

// newSigner is a key for dialSSH.
func newSigner(t *testing.T) (ssh.Signer, *link.Key) {
	t.Helper()
	path, key := writeKey(t)
	pem, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.ParsePrivateKey(pem)
	if err != nil {
		t.Fatal(err)
	}
	return signer, key
}

// The pinned key gets Duet's streams, after it has joined a share, and nothing
// else that SSH has.
func TestNothingElseIsAnswered(t *testing.T) {
	t.Parallel()
	signer, key := newSigner(t)
	b := start(t, newKey(t), key.Public(), listening)
	y := b.Endpoint("images")

	for name, auth := range map[string][]ssh.AuthMethod{
		"nothing": nil,
		"a password": {ssh.Password("secret"), ssh.KeyboardInteractive(func(_, _ string, q []string, _ []bool) ([]string, error) {
			return make([]string, len(q)), nil
		})},
	} {
		if c, err := dialSSH(t, b.Addr(), "images", auth...); err == nil {
			c.Close()
			t.Errorf("%s lets in", name)
		} else if !strings.Contains(err.Error(), "attempted methods [none]") {
			t.Errorf("with %s: %v: another method than the key is on offer", name, err)
		}
	}

	c, err := dialSSH(t, b.Addr(), "images", ssh.PublicKeys(signer))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := string(c.ServerVersion()); got != "SSH-2.0-Duet" {
		t.Errorf("server version %q", got)
	}
	refused := func(when string, channels ...string) {
		for _, kind := range channels {
			if ch, _, err := c.OpenChannel(kind, nil); err == nil {
				ch.Close()
				t.Errorf("%s a channel of type %q is answered", when, kind)
			}
		}
	}
	common := []string{"session", "direct-tcpip", "direct-streamlocal@openssh.com", "x11", "tun@openssh.com", "duet-x", "duet-X@1", "duet-@1", "duet-x@2"}
	refused("at first", append(common, "duet-x@1")...)
	for _, request := range []string{"tcpip-forward", "streamlocal-forward@openssh.com", "no-such-request"} {
		if ok, _, err := c.SendRequest(request, true, nil); ok || err != nil {
			t.Errorf("request %q: %v, %v", request, ok, err)
		}
	}
	if ok, _, err := c.SendRequest("duet-join@1", true, nil); !ok || err != nil {
		t.Fatalf("join: %v, %v", ok, err)
	}
	d := next(t, y)
	refused("after joining", common...)
	if ok, _, err := c.SendRequest("duet-join@1", true, nil); ok || err != nil {
		t.Errorf("second join: %v, %v", ok, err)
	}
	ch, _, err := c.OpenChannel("duet-x@1", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, request := range []string{"shell", "exec", "pty-req", "subsystem", "env"} {
		if ok, err := ch.SendRequest(request, true, ssh.Marshal(struct{ S string }{"sftp"})); ok || err != nil {
			t.Errorf("channel request %q: %v, %v", request, ok, err)
		}
	}
	s, err := d.Accept(context.Background())
	if err != nil || s.Kind() != "x" {
		t.Errorf("accept: %v", err)
	}
}

// Who authenticates and then does not join is shown the door.
func TestWhoDoesNotJoinIsDropped(t *testing.T) {
	t.Parallel()
	signer, key := newSigner(t)
	b := start(t, newKey(t), key.Public(), func(o *link.Options) { listening(o); o.Handshake = 500 * time.Millisecond })
	b.Endpoint("images")
	var c *ssh.Client
	eventually(t, "a handshake in time", func() bool {
		var err error
		c, err = dialSSH(t, b.Addr(), "images", ssh.PublicKeys(signer))
		return err == nil
	})
	waited := make(chan struct{})
	go func() { c.Wait(); close(waited) }()
	select {
	case <-waited:
	case <-time.After(patience):
		t.Error("still connected")
	}
}

// Strangers that say nothing are bounded in number and in time, and go on
// nobody's nerves but their own.
func TestStrangersAreBounded(t *testing.T) {
	t.Parallel()
	small, large := keys(t)
	b := start(t, large, small.Public(), func(o *link.Options) { listening(o); o.Handshake = 4 * time.Second })
	y := b.Endpoint("images")
	var dropped int
	var open []net.Conn
	for range 24 {
		c, err := net.Dial("tcp", b.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		open = append(open, c)
	}
	for _, c := range open { // who is let in hears the server's version first
		c.SetReadDeadline(time.Now().Add(patience))
		if _, err := c.Read(make([]byte, 1)); err != nil {
			dropped++
		}
	}
	if dropped != 8 {
		t.Errorf("of 24 connections of one host %d were dropped, want 8", dropped)
	}
	a := start(t, small, large.Public(), dialling(b.Addr()))
	x := a.Endpoint("images")
	next(t, x) // once they have timed out
	next(t, y)
	if log := b.log.String(); strings.Count(log, "too many connections") != 1 || strings.Count(log, "in time") != 1 {
		t.Errorf("one line each was wanted:\n%s", log)
	}
}

// Neither strangers nor the peer fill the log, however many different things
// they do wrong.
func TestNobodyFillsTheLog(t *testing.T) {
	t.Parallel()
	const times = 100
	signer, key := newSigner(t)
	for name, attack := range map[string]func(b *node, i int){
		"keys": func(b *node, _ int) {
			_, private, err := ed25519.GenerateKey(nil)
			if err != nil {
				t.Fatal(err)
			}
			stranger, err := ssh.NewSignerFromKey(private)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := dialSSH(t, b.Addr(), "images", ssh.PublicKeys(stranger)); err == nil {
				t.Fatal("a stranger was let in")
			}
		},
		"shares": func(b *node, i int) {
			c, err := dialSSH(t, b.Addr(), fmt.Sprint("share", i), ssh.PublicKeys(signer))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if ok, _, err := c.SendRequest("duet-join@1", true, nil); ok || err != nil {
				t.Fatalf("join: %v, %v", ok, err)
			}
		},
		"reasons": func(b *node, i int) {
			c, err := dialSSH(t, b.Addr(), "images", ssh.PublicKeys(signer))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if ok, _, err := c.SendRequest("duet-join@1", true, nil); !ok || err != nil {
				t.Fatalf("join: %v, %v", ok, err)
			}
			next(t, b.Endpoint("images"))
			why := ssh.Marshal(struct {
				Reason uint32
				Text   string
			}{99, fmt.Sprint("made up ", i)})
			if _, _, err := c.SendRequest("duet-bye@1", false, why); err != nil {
				t.Fatal(err)
			}
			c.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, newKey(t), key.Public(), listening)
			b.Endpoint("images")
			for i := range times {
				attack(b, i)
			}
			b.stop()
			if n := strings.Count(b.log.String(), "\n"); n == 0 || n > 80 {
				t.Errorf("%d lines of log for %d connections", n, times)
			}
		})
	}
}

func TestOpenSSH(t *testing.T) {
	client, err := exec.LookPath("ssh")
	if err != nil {
		t.Skip("no OpenSSH client here")
	}
	t.Parallel()
	path, key := writeKey(t)
	other, _ := writeKey(t)
	b := start(t, newKey(t), key.Public(), listening)
	b.Endpoint("images")
	_, port, _ := net.SplitHostPort(b.Addr().String())
	const host = "images@127.0.0.1"
	for _, c := range []struct {
		name, key string
		args      []string
		says      string
	}{
		{"shell", path, []string{host}, "duet answers nothing but duet"},
		{"exec", path, []string{host, "id"}, "duet answers nothing but duet"},
		{"sftp", path, []string{"-s", host, "sftp"}, "duet answers nothing but duet"},
		{"remote forward", path, []string{"-o", "ExitOnForwardFailure=yes", "-N", "-R", "0:127.0.0.1:1", host}, "remote port forwarding failed"},
		{"stdio forward", path, []string{"-W", "127.0.0.1:1", host}, "duet answers nothing but duet"},
		{"another key", other, []string{host, "id"}, "Permission denied (publickey)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			args := append([]string{"-F", "none", "-p", port, "-i", c.key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "IdentityAgent=none",
				"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=INFO"}, c.args...)
			out, err := exec.CommandContext(ctx, client, args...).CombinedOutput()
			if err == nil || !strings.Contains(string(out), c.says) {
				t.Errorf("got %v, want %q:\n%s", err, c.says, out)
			}
			if strings.Contains(string(out), "uid=") {
				t.Error("a command was run")
			}
		})
	}
}
