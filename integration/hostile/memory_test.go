package hostile

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// memory follows what a victim takes. What counts is memory of its own: the
// pages of the index file that it has mapped belong to the kernel's cache, and
// go when somebody else needs the room.
type memory struct {
	pid     int
	most    atomic.Int64 // KiB
	done    chan struct{}
	running sync.WaitGroup
}

func follow(pid int) *memory {
	m := &memory{pid: pid, done: make(chan struct{})}
	m.running.Go(func() {
		for {
			if kib, err := m.field("RssAnon:"); err == nil {
				m.most.Store(max(m.most.Load(), kib))
			}
			select {
			case <-m.done:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	return m
}

func (m *memory) end() {
	close(m.done)
	m.running.Wait()
}

// peak is the most that was seen so far, in MiB.
func (m *memory) peak() int64 { return m.most.Load() >> 10 }

// mapped is the most that the process ever had, with files that it has mapped.
func (m *memory) mapped() int64 {
	kib, _ := m.field("VmHWM:")
	return kib >> 10
}

func (m *memory) field(name string) (kib int64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(b), name)
	if !ok {
		return 0, fmt.Errorf("no %s of process %d", name, m.pid)
	}
	return strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
}
