package rig

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The operations. Each reports whether it did something. Those that destroy
// content take it in hand first, so that the ledger knows just what a user
// gave up: a file is moved out of the share and read there before it is
// removed, or is overwritten through the descriptor that it was read by.

func (h *Hand) create() bool { return h.write(h.name(), os.O_CREATE|os.O_EXCL, "created") }

func (h *Hand) write(name string, flags int, how string) bool {
	f, err := os.OpenFile(h.path(name), os.O_WRONLY|flags, 0o644)
	if err != nil {
		return false
	}
	defer f.Close()
	_, content := h.content(name, how)
	_, err = f.Write(content)
	return err == nil
}

func (h *Hand) overwrite() bool {
	name, ok := h.some(0)
	return ok && h.overwriteNamed(name)
}

// overwriteNamed does what an editor without a temporary file does.
func (h *Hand) overwriteNamed(name string) bool {
	f, err := os.OpenFile(h.path(name), os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	old, err := io.ReadAll(f)
	if err != nil || f.Truncate(0) != nil {
		return false
	}
	h.ledger.supersede(old)
	_, content := h.content(name, "overwritten")
	_, err = f.WriteAt(content, 0)
	return err == nil
}

func (h *Hand) append() bool {
	name, ok := h.some(0)
	return ok && h.write(name, os.O_APPEND|syscall.O_NOFOLLOW, "appended")
}

// save writes a temporary file beside the target and renames it over.
func (h *Hand) save() bool {
	name, ok := h.some(0)
	if !ok {
		return false
	}
	temp := h.path(name) + ".save~"
	token, content := h.content(name, "saved")
	old, err := os.Open(h.path(name))
	if err != nil {
		h.ledger.never(token)
		return false
	}
	defer old.Close()
	if os.WriteFile(temp, content, 0o644) != nil || os.Rename(temp, h.path(name)) != nil {
		_ = os.Remove(temp)
		h.ledger.never(token)
		return false
	}
	h.gaveUp(old)
	return true
}

// saveAside prepares the new file outside the share and exchanges the two.
func (h *Hand) saveAside() bool {
	name, ok := h.some(0)
	if !ok {
		return false
	}
	aside := filepath.Join(h.scratch, "aside")
	token, content := h.content(name, "saved aside")
	if os.WriteFile(aside, content, 0o644) != nil ||
		unix.Renameat2(unix.AT_FDCWD, aside, unix.AT_FDCWD, h.path(name), unix.RENAME_EXCHANGE) != nil {
		h.ledger.never(token)
		return false
	}
	return h.discard(aside)
}

// unlink removes a file in place.
func (h *Hand) unlink() bool {
	name, ok := h.some(0)
	if !ok {
		return false
	}
	old, err := os.Open(h.path(name))
	if err != nil {
		return false
	}
	defer old.Close()
	if os.Remove(h.path(name)) != nil {
		return false
	}
	h.gaveUp(old)
	return true
}

// gaveUp notes that old is gone. If it still has a name, then something of the
// peer's came between looking and doing. Nobody saw that here, but the peer has
// it, and keeps it when it hears of what was done here.
func (h *Hand) gaveUp(old *os.File) {
	var st syscall.Stat_t
	content, err := io.ReadAll(old)
	if err == nil && syscall.Fstat(int(old.Fd()), &st) == nil && st.Nlink == 0 {
		h.ledger.supersede(content)
	}
}

func (h *Hand) remove() bool {
	name, ok := h.some(0)
	return ok && h.takeOut(name)
}

func (h *Hand) removeTree() bool {
	name, ok := h.some(fs.ModeDir)
	return ok && h.expendable(name) && h.takeOut(name)
}

// expendable spares most large directories, or nothing would be left to work on.
func (h *Hand) expendable(name string) bool {
	entries, err := os.ReadDir(h.at(name))
	return err != nil || len(entries) < 6 || h.rnd.IntN(6) == 0
}

// takeOut moves something out of the share and discards it there.
func (h *Hand) takeOut(name string) bool {
	out := filepath.Join(h.scratch, "out")
	return h.discard(out) && os.Rename(h.path(name), out) == nil && h.discard(out)
}

// discard removes what it has read, and only that.
func (h *Hand) discard(path string) bool {
	for {
		err := filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return gone(err)
			}
			if d.Type().IsRegular() {
				content, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				h.ledger.supersede(content)
			}
			return os.Remove(path)
		})
		if err != nil {
			return false
		}
		if emptied(path) {
			return true
		}
	}
}

// emptied removes the directories at path, and reports false if there was
// something else among them.
func emptied(path string) bool {
	entries, err := os.ReadDir(path)
	if err != nil {
		return true
	}
	for _, e := range entries {
		if !e.IsDir() || !emptied(filepath.Join(path, e.Name())) {
			return false
		}
	}
	return os.Remove(path) == nil
}

func (h *Hand) renameFile() bool {
	name, ok := h.some(0)
	return ok && h.rename(name)
}

func (h *Hand) renameDir() bool {
	name, ok := h.some(fs.ModeDir)
	return ok && h.rename(name)
}

func (h *Hand) rename(name string) bool {
	return unix.Renameat2(unix.AT_FDCWD, h.path(name), unix.AT_FDCWD, h.path(h.name()), unix.RENAME_NOREPLACE) == nil
}

func (h *Hand) makeDir() bool { return os.Mkdir(h.path(h.name()), 0o755) == nil }

func (h *Hand) chmod() bool {
	if dir, ok := h.some(fs.ModeDir); ok && h.rnd.IntN(4) == 0 {
		return os.Chmod(h.path(dir), []fs.FileMode{0o755, 0o700, 0o750, 0o775}[h.rnd.IntN(4)]) == nil
	}
	name, ok := h.some(0)
	return ok && os.Chmod(h.path(name), []fs.FileMode{0o644, 0o600, 0o640, 0o755, 0o664}[h.rnd.IntN(5)]) == nil
}

func (h *Hand) touch() bool {
	name, ok := h.some(0)
	if !ok {
		return false
	}
	when := time.Now().Add(-time.Duration(h.rnd.Int64N(int64(1000 * time.Hour))))
	if h.rnd.IntN(2) == 0 {
		when = time.Now()
	}
	return os.Chtimes(h.path(name), when, when) == nil
}

func (h *Hand) symlink() bool {
	return os.Symlink(names[h.rnd.IntN(len(names))], h.path(h.name())) == nil
}

// changeType puts something of another type where a thing is.
func (h *Hand) changeType() bool {
	types := []fs.FileMode{0, fs.ModeDir, fs.ModeSymlink}
	i := h.rnd.IntN(3)
	name, ok := h.some(types[i])
	if !ok || !h.expendable(name) || !h.takeOut(name) {
		return false
	}
	switch types[(i+1+h.rnd.IntN(2))%3] {
	case fs.ModeDir:
		if os.Mkdir(h.path(name), 0o755) == nil && h.rnd.IntN(2) == 0 {
			h.write(filepath.Join(name, "inside"), os.O_CREATE|os.O_EXCL, "created")
		}
	case fs.ModeSymlink:
		_ = os.Symlink("elsewhere", h.path(name))
	default:
		h.write(name, os.O_CREATE|os.O_EXCL, "created")
	}
	return true
}

// toggle writes one thing, another, and the first again, within milliseconds.
func (h *Hand) toggle() bool {
	if name, ok := h.some(fs.ModeSymlink); ok && h.rnd.IntN(2) == 0 {
		first, err := os.Readlink(h.path(name))
		if err != nil {
			return false
		}
		for _, target := range []string{first + "2", first} {
			temp := filepath.Join(h.scratch, "link")
			_ = os.Remove(temp)
			if os.Symlink(target, temp) != nil ||
				unix.Renameat2(unix.AT_FDCWD, temp, unix.AT_FDCWD, h.path(name), unix.RENAME_EXCHANGE) != nil {
				return false
			}
			if !h.discard(temp) {
				return false
			}
		}
		return true
	}
	name, ok := h.some(0)
	if !ok {
		return false
	}
	f, err := os.OpenFile(h.path(name), os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	first, err := io.ReadAll(f)
	if err != nil {
		return false
	}
	for _, content := range [][]byte{[]byte("between\n"), first} {
		if f.Truncate(0) != nil {
			return false
		}
		if _, err := f.WriteAt(content, 0); err != nil {
			return false
		}
	}
	return true
}

func (h *Hand) copyFile() bool {
	from, ok := h.some(0)
	if !ok {
		return false
	}
	content, err := os.ReadFile(h.path(from))
	if err != nil {
		return false
	}
	f, err := os.OpenFile(h.path(h.name()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return false
	}
	defer f.Close()
	_, err = f.Write(content)
	return err == nil
}
