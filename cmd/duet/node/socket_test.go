package node

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A state directory may lie deeper than a socket's name may be long.
func TestSocketInDeepDirectory(t *testing.T) {
	for _, depth := range []int{1, 200} {
		dir := filepath.Join(t.TempDir(), strings.Repeat("d", depth))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := Dial(dir); !errors.Is(err, ErrNotRunning) {
			t.Fatalf("before listening: %v", err)
		}
		l, err := listen(dir)
		if err != nil {
			t.Fatal(err)
		}
		st, err := os.Stat(filepath.Join(dir, Socket))
		if err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("the socket: %v, %v; want mode 0600", st.Mode(), err)
		}
		if _, err := Dial(dir); err != nil {
			t.Errorf("dial: %v", err)
		}
		if _, err := listen(dir); !errors.Is(err, ErrRunning) {
			t.Errorf("a second listener: %v, want ErrRunning", err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		// What a killed daemon leaves is replaced.
		if _, err := os.Stat(filepath.Join(dir, Socket)); err != nil {
			t.Fatalf("the socket went with its listener: %v", err)
		}
		if l, err = listen(dir); err != nil {
			t.Fatalf("over a dead socket: %v", err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSpool(t *testing.T) {
	for _, size := range []int{0, 10, spoolMemory, spoolMemory + 1, 3 * spoolMemory} {
		dir := t.TempDir()
		s := &spool{dir: dir}
		text := strings.Repeat("0123456789abcdef", size/16+1)[:size]
		for rest := text; rest != ""; {
			n := min(len(rest), 100_000)
			if _, err := s.Write([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := s.rewind(); err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		buf := make([]byte, 70_000)
		for {
			n, err := s.Read(buf)
			got.Write(buf[:n])
			if err != nil {
				break
			}
		}
		if got.String() != text {
			t.Errorf("size %d: read back %d bytes that differ", size, got.Len())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("size %d left %v, %v", size, left, err)
		}
	}
}
