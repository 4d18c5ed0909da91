package hostile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// watch hears from the kernel who touches what must not be touched.
type watch struct {
	t    testing.TB
	fd   int
	dirs map[int32]watched
}

// watched is a directory, and the names in it that may change.
type watched struct {
	path string
	may  []string
}

const (
	// anything is every touch of a file, and of the names in a directory.
	anything = unix.IN_ALL_EVENTS
	// changes are not looks: the names in between belong to somebody.
	changesOnly = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_MODIFY | unix.IN_ATTRIB |
		unix.IN_DELETE_SELF | unix.IN_MOVE_SELF
)

func newWatch(t testing.TB) *watch {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	must(t, err)
	return &watch{t: t, fd: fd, dirs: make(map[int32]watched)}
}

func (w *watch) add(path string, mask uint32, may ...string) {
	w.t.Helper()
	wd, err := unix.InotifyAddWatch(w.fd, path, mask)
	must(w.t, err)
	w.dirs[int32(wd)] = watched{path, may}
}

// touched returns what was touched since it was last asked, and should not
// have been.
func (w *watch) touched() (out []string) {
	w.t.Helper()
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.Read(w.fd, buf)
		if err == unix.EAGAIN || err == unix.EINTR {
			return out
		}
		must(w.t, err)
		for b := buf[:n]; len(b) > 0; {
			wd, mask := int32(binary.NativeEndian.Uint32(b)), binary.NativeEndian.Uint32(b[4:])
			size := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(b[12:]))
			name := string(bytes.TrimRight(b[unix.SizeofInotifyEvent:size], "\x00"))
			b = b[size:]
			dir := w.dirs[wd]
			if mask&unix.IN_Q_OVERFLOW == 0 && name != "" && slices.Contains(dir.may, name) {
				continue
			}
			if len(out) < 20 {
				out = append(out, fmt.Sprintf("%s: event %#x", filepath.Join(dir.path, name), mask))
			}
		}
	}
}
