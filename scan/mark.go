package scan

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// marks are files whose only purpose is to be noticed: the kernel reports what
// happens in the order in which it happened, so that whoever hears of the mark has
// heard of all that was before.
type marks struct {
	mu     sync.Mutex
	dir    string // watched; "" until there is one
	serial int
	wait   map[string]chan struct{} // by name of the file
}

// Mark returns what is closed when all has been told that has happened by now.
// dir is a directory for its use alone, outside the tree; it may not be there yet.
func (w *watcher) Mark(dir string) (<-chan struct{}, error) {
	m := &w.marks
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dir == "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("mark: %w", err)
		}
		if err := w.inner.Add(dir); err != nil {
			return nil, fmt.Errorf("mark: watch %s: %w", dir, err)
		}
		m.dir, m.wait = dir, map[string]chan struct{}{}
	}
	m.serial++
	name := filepath.Join(m.dir, fmt.Sprint(m.serial))
	seen := make(chan struct{})
	m.wait[name] = seen
	if err := os.Mkdir(name, 0o700); err != nil {
		delete(m.wait, name)
		return nil, fmt.Errorf("mark: %w", err)
	}
	_ = os.Remove(name) // it has been reported
	return seen, nil
}

// at returns the mark of that name, once.
func (m *marks) at(name string) chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	seen := m.wait[name]
	delete(m.wait, name)
	return seen
}

func (m *marks) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dir != "" {
		_ = os.Remove(m.dir) // it is empty, and made again when it is needed
	}
}
