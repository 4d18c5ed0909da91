package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// used is what a work cost, of both hosts together unless it says otherwise.
type used struct {
	Seconds  float64 `json:"seconds"`
	Wire     int64   `json:"wire"` // bytes on the wire, both ways
	CPU      float64 `json:"cpu"`  // seconds
	Resident int64   `json:"resident"`
	Anon     int64   `json:"anon"`              // of the host that needed more
	Largest  int64   `json:"largest,omitempty"` // anonymous memory of the one process that needed most
}

// meter measures from newMeter to read.
type meter struct {
	l     *lab
	began time.Time
	cpu   float64
	wire  int64
	stop  chan struct{}
	ended sync.WaitGroup

	resident, anon, largest int64
}

// sampleEvery is how often memory is looked at; peaks in between are missed.
const sampleEvery = 50 * time.Millisecond

func newMeter(l *lab) (*meter, error) {
	m := &meter{l: l, stop: make(chan struct{})}
	var err error
	if m.cpu, m.wire, err = m.counters(); err != nil {
		return nil, err
	}
	m.ended.Go(m.sample)
	m.began = time.Now()
	return m, nil
}

// read ends the measurement; seconds is the time that the work took, as those
// who watched it know better.
func (m *meter) read(seconds float64) (used, error) {
	close(m.stop)
	m.ended.Wait()
	cpu, wire, err := m.counters()
	return used{Seconds: seconds, Wire: wire - m.wire, CPU: cpu - m.cpu, Resident: m.resident, Anon: m.anon, Largest: m.largest}, err
}

func (m *meter) counters() (cpu float64, wire int64, err error) {
	for _, h := range m.l.hosts() {
		n, err := h.sent()
		if err != nil {
			return 0, 0, err
		}
		text, err := os.ReadFile(filepath.Join(h.group, "cpu.stat"))
		if err != nil {
			return 0, 0, err
		}
		usec, err := strconv.ParseFloat(strings.Fields(string(text))[1], 64)
		if err != nil {
			return 0, 0, err
		}
		cpu, wire = cpu+usec/1e6, wire+n
	}
	return cpu, wire, nil
}

func (m *meter) sample() {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		for _, h := range m.l.hosts() {
			resident, anon, largest := h.memory()
			m.resident, m.anon, m.largest = max(m.resident, resident), max(m.anon, anon), max(m.largest, largest)
		}
		select {
		case <-m.stop:
			return
		case <-tick.C:
		}
	}
}

// memory is what the host's processes have, in bytes; sshd's listener is among
// them.
func (h *host) memory() (resident, anon, largest int64) {
	for _, pid := range h.pids() {
		text, err := os.ReadFile("/proc/" + pid + "/status")
		if err != nil {
			continue // it is gone
		}
		for line := range strings.Lines(string(text)) {
			words := strings.Fields(line)
			if len(words) < 2 {
				continue
			}
			kb, _ := strconv.ParseInt(words[1], 10, 64)
			switch words[0] {
			case "VmRSS:":
				resident += kb << 10
			case "RssAnon:":
				anon += kb << 10
				largest = max(largest, kb<<10)
			}
		}
	}
	return resident, anon, largest
}

func pause(milliseconds int) { time.Sleep(time.Duration(milliseconds) * time.Millisecond) }
