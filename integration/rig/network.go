package rig

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
)

// Network is two hosts, each a network namespace, and a router between them,
// so that the link can be cut in the middle, where neither host is told.
type Network struct {
	A, B   string // addresses
	t      testing.TB
	prefix string
}

var networks atomic.Int32

// NewNetwork makes the namespaces; they are gone when the test ends. It needs
// root. Nothing leaves them: they have no route but to each other.
func NewNetwork(t testing.TB) *Network {
	t.Helper()
	NeedMount(t)
	Need(t, "ip")
	w := &Network{A: "10.231.1.2", B: "10.231.2.2", t: t, prefix: fmt.Sprintf("duet%d-%d", os.Getpid(), networks.Add(1))}
	for _, host := range []string{"a", "r", "b"} {
		name := w.prefix + host
		w.ip("netns", "add", name)
		t.Cleanup(func() {
			if out, err := exec.Command("ip", "netns", "del", name).CombinedOutput(); err != nil {
				t.Errorf("ip netns del: %v: %s", err, out)
			}
		})
		w.in(host, "link", "set", "lo", "up")
	}
	for i, host := range []string{"a", "b"} {
		net := fmt.Sprintf("10.231.%d.", i+1)
		w.ip("link", "add", "eth", "netns", w.prefix+host, "type", "veth", "peer", "name", "to-"+host, "netns", w.prefix+"r")
		w.in(host, "addr", "add", net+"2/24", "dev", "eth")
		w.in("r", "addr", "add", net+"1/24", "dev", "to-"+host)
		w.in(host, "link", "set", "eth", "up")
		w.in("r", "link", "set", "to-"+host, "up")
		w.in(host, "route", "add", "default", "via", net+"1")
	}
	forward := exec.Command("ip", "netns", "exec", w.prefix+"r", "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
	if out, err := forward.CombinedOutput(); err != nil {
		t.Fatalf("forwarding: %v\n%s", err, out)
	}
	return w
}

// Options returns options for a pair that lives on the two hosts.
func (w *Network) Options() Options {
	return Options{
		Both:  true,
		Hosts: [2]string{w.A, w.B},
		Wrap: [2][]string{
			{"ip", "netns", "exec", w.prefix + "a"},
			{"ip", "netns", "exec", w.prefix + "b"},
		},
	}
}

// Unplug takes the link to b down: the interfaces at both its ends notice.
func (w *Network) Unplug() { w.in("r", "link", "set", "to-b", "down") }

// Plug takes it up again.
func (w *Network) Plug() { w.in("r", "link", "set", "to-b", "up") }

// Swallow lets the router drop every packet between the hosts without a word:
// no reset, no ICMP, every interface up.
func (w *Network) Swallow() {
	w.in("r", "route", "add", "blackhole", w.A+"/32")
	w.in("r", "route", "add", "blackhole", w.B+"/32")
}

// Deliver ends Swallow.
func (w *Network) Deliver() {
	w.in("r", "route", "del", "blackhole", w.A+"/32")
	w.in("r", "route", "del", "blackhole", w.B+"/32")
}

// Delivered is how many bytes have gone out to b so far.
func (w *Network) Delivered() int64 {
	w.t.Helper()
	out, err := exec.Command("ip", "-n", w.prefix+"r", "-s", "-j", "link", "show", "to-b").Output()
	var links []struct {
		Stats struct {
			TX struct {
				Bytes int64 `json:"bytes"`
			} `json:"tx"`
		} `json:"stats64"`
	}
	if err == nil {
		err = json.Unmarshal(out, &links)
	}
	if err != nil || len(links) != 1 {
		w.t.Fatalf("statistics of to-b: %v: %s", err, out)
	}
	return links[0].Stats.TX.Bytes
}

func (w *Network) in(host string, words ...string) {
	w.t.Helper()
	w.ip(append([]string{"-n", w.prefix + host}, words...)...)
}

func (w *Network) ip(words ...string) {
	w.t.Helper()
	if out, err := exec.Command("ip", words...).CombinedOutput(); err != nil {
		w.t.Fatalf("ip %s: %v\n%s", strings.Join(words, " "), err, out)
	}
}
