package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// profiling is how long a profile of one work is; -profile asks for them.
const profiling = 4 * time.Second

// profile takes a CPU profile of both of Duet's daemons while a work goes on,
// and then one of their heaps.
// The returned function waits for the end.
func (s *session) profile(name string) (wait func()) {
	var g sync.WaitGroup
	work, _, _ := strings.Cut(name, ":")
	if s.profiles == "" || s.t.name() != "duet" || !s.wanted[work] {
		return g.Wait
	}
	for _, h := range s.l.hosts() {
		g.Go(func() {
			file := filepath.Join(s.profiles, strings.NewReplacer(":", "-", " ", "-", ",", "").Replace(name)+"-"+h.name+".pprof")
			socket := filepath.Join(h.dir, "state", "control.sock")
			err := fetchProfile(socket, fmt.Sprintf("profile?seconds=%.0f", profiling.Seconds()), file)
			err = errors.Join(err, fetchProfile(socket, "heap", strings.TrimSuffix(file, "pprof")+"heap"))
			if err != nil {
				fmt.Fprintf(os.Stderr, "bench: profile of %s on %s: %v\n", name, h.name, err)
			}
		})
	}
	return g.Wait
}

func fetchProfile(socket, what, file string) error {
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	answer, err := client.Get("http://duet/debug/pprof/" + what)
	for deadline := time.Now().Add(2 * time.Second); err != nil && time.Now().Before(deadline); {
		pause(2) // it is just coming up
		answer, err = client.Get("http://duet/debug/pprof/" + what)
	}
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer out.Close()
	_, err = io.Copy(out, answer.Body)
	return err
}
