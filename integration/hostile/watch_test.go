package hostile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"duet/integration/rig"
)

// watch hears from the kernel who touches what must not be touched: who changes
// it, whoever that is, and when one process looks at it. Others may look: there are
// programs that walk through all files of a host.
type watch struct {
	t    testing.TB
	fd   int // inotify
	dirs map[int32]watched
	pid  int
	fan  int // fanotify, which says which process it was; -1: only root may have it
}

// watched is a directory, and the names in it that may change.
type watched struct {
	path string
	may  []string
}

const (
	changed = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_MODIFY | unix.IN_ATTRIB |
		unix.IN_DELETE_SELF | unix.IN_MOVE_SELF
	looked = unix.FAN_OPEN | unix.FAN_ACCESS | unix.FAN_ONDIR | unix.FAN_EVENT_ON_CHILD
)

// newWatch returns a watch that hears when the process with this id looks.
func newWatch(t testing.TB, pid int) *watch {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	must(t, err)
	w := &watch{t: t, fd: fd, dirs: make(map[int32]watched), pid: pid}
	w.fan, err = unix.FanotifyInit(unix.FAN_CLASS_NOTIF|unix.FAN_CLOEXEC|unix.FAN_NONBLOCK|unix.FAN_UNLIMITED_QUEUE, unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		if rig.CI() {
			t.Fatalf("nobody would notice if a canary was read: fanotify_init: %v", err)
		}
		w.fan = -1
	}
	return w
}

func (w *watch) close() {
	w.t.Helper()
	must(w.t, unix.Close(w.fd))
	if w.fan >= 0 {
		must(w.t, unix.Close(w.fan))
	}
}

// add watches who changes the names in a directory, or what has them, but for some.
func (w *watch) add(path string, may ...string) {
	w.t.Helper()
	wd, err := unix.InotifyAddWatch(w.fd, path, changed)
	must(w.t, err)
	w.dirs[int32(wd)] = watched{path, may}
}

// addSecret watches who looks at the files of a directory, too.
func (w *watch) addSecret(path string) {
	w.t.Helper()
	w.add(path)
	if w.fan >= 0 {
		must(w.t, unix.FanotifyMark(w.fan, unix.FAN_MARK_ADD, looked, unix.AT_FDCWD, path))
	}
}

// touched returns what was touched since it was last asked, and should not
// have been.
func (w *watch) touched() (out []string) {
	w.t.Helper()
	w.events(w.fd, func(b []byte) int {
		wd, mask := int32(binary.NativeEndian.Uint32(b)), binary.NativeEndian.Uint32(b[4:])
		size := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(b[12:]))
		name := string(bytes.TrimRight(b[unix.SizeofInotifyEvent:size], "\x00"))
		dir := w.dirs[wd]
		if mask&unix.IN_Q_OVERFLOW != 0 || name == "" || !slices.Contains(dir.may, name) {
			out = append(out, fmt.Sprintf("%s: event %#x", filepath.Join(dir.path, name), mask))
		}
		return size
	})
	if w.fan >= 0 {
		w.events(w.fan, func(b []byte) int {
			size, mask := binary.NativeEndian.Uint32(b), binary.NativeEndian.Uint64(b[8:])
			fd, pid := int32(binary.NativeEndian.Uint32(b[16:])), int(int32(binary.NativeEndian.Uint32(b[20:])))
			name := "the queue of fanotify"
			if fd >= 0 {
				name, _ = os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
				must(w.t, unix.Close(int(fd)))
			}
			if pid == w.pid || fd < 0 {
				out = append(out, fmt.Sprintf("%s: looked at, event %#x", name, mask))
			}
			return int(size)
		})
	}
	return out[:min(len(out), 20)]
}

// events reads what waits on fd. take returns how long an event is.
func (w *watch) events(fd int, take func([]byte) int) {
	w.t.Helper()
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.Read(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err == unix.EAGAIN {
			return
		}
		must(w.t, err)
		for b := buf[:n]; len(b) > 0; {
			b = b[take(b):]
		}
	}
}

// What the others here rely on: whoever changes a canary is noticed, and who looks
// at it if that is the victim.
func TestWatch(t *testing.T) {
	dir := t.TempDir()
	canary := filepath.Join(dir, "canary")
	must(t, os.WriteFile(canary, []byte("tweet"), 0o644))
	w := newWatch(t, os.Getpid())
	defer w.close()
	w.addSecret(dir)
	run := func(command string) {
		t.Helper()
		if out, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	run("ls -R '" + dir + "'; cat '" + canary + "'")
	if got := w.touched(); len(got) > 0 {
		t.Errorf("a stranger has looked: %q", got)
	}
	run("echo >>'" + canary + "'")
	if got := w.touched(); len(got) == 0 {
		t.Error("a stranger has changed it, and nobody noticed")
	}
	if _, err := os.ReadFile(canary); err != nil {
		t.Fatal(err)
	}
	if got := w.touched(); w.fan >= 0 && !strings.Contains(strings.Join(got, " "), canary) {
		t.Errorf("it was read, and that is all: %q", got)
	}
}
