package rig

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"
)

// TestMain lets the test binary also be a program on one of the two hosts, see
// echo.
func TestMain(m *testing.M) {
	if address := os.Getenv(echoEnv); address != "" {
		if err := echo(address); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	Main(m)
}

const echoEnv = "DUET_TEST_ECHO"

// echo listens on address and sends back what comes; or, if the address starts
// with '>', dials it, sends its input there, byte by byte, and prints what
// comes back.
func echo(address string) error {
	if address[0] != '>' {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		_, err = io.Copy(conn, conn)
		return err
	}
	conn, err := net.DialTimeout("tcp", address[1:], 2*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	buf := make([]byte, 1)
	for {
		if _, err := os.Stdin.Read(buf); err != nil {
			return nil
		}
		if _, err := conn.Write(buf); err != nil {
			return err
		}
		if _, err := io.ReadFull(conn, buf); err != nil {
			return err
		}
		if _, err := os.Stdout.Write(buf); err != nil {
			return err
		}
	}
}

// Bytes pass between the two hosts, none while the link is cut either way, and
// the same connection goes on afterwards: nobody was told.
func TestNetworkCuts(t *testing.T) {
	w := NewNetwork(t)
	start := func(wrap []string, address string) *exec.Cmd {
		cmd := exec.Command(wrap[0], append(wrap[1:len(wrap):len(wrap)], os.Args[0])...)
		cmd.Env = append(os.Environ(), echoEnv+"="+address)
		cmd.Stderr = os.Stderr
		t.Cleanup(func() {
			if cmd.Process != nil {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
			}
		})
		return cmd
	}
	wrap := w.Options().Wrap
	if err := spawn(start(wrap[1], w.B+":7722")); err != nil {
		t.Fatal(err)
	}
	var in io.WriteCloser
	got := make(chan byte)
	if !Until(patience, func() bool {
		client := start(wrap[0], ">"+w.B+":7722")
		stdin, errIn := client.StdinPipe()
		stdout, errOut := client.StdoutPipe()
		if errIn != nil || errOut != nil || spawn(client) != nil {
			return false
		}
		buf := make([]byte, 1)
		if _, err := stdin.Write([]byte{'0'}); err != nil {
			return false
		}
		if _, err := stdout.Read(buf); err != nil {
			return false
		}
		in = stdin
		go func() {
			for {
				if _, err := stdout.Read(buf); err != nil {
					return
				}
				got <- buf[0]
			}
		}()
		return true
	}) {
		t.Fatal("the hosts do not reach each other")
	}
	for i, cut := range []struct{ cut, mend func() }{{w.Unplug, w.Plug}, {w.Swallow, w.Deliver}} {
		cut.cut()
		if _, err := in.Write([]byte{byte('1' + i)}); err != nil {
			t.Fatal(err)
		}
		select {
		case b := <-got:
			t.Fatalf("cut %d: %q came through", i, b)
		case <-time.After(700 * time.Millisecond):
		}
		cut.mend()
		select {
		case <-got:
		case <-time.After(20 * time.Second):
			t.Fatalf("cut %d: nothing comes through afterwards", i)
		}
	}
}
