package explain

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"

	"duet/store/index"
)

// Disk is what is at the path in the tree just now.
type Disk struct {
	There   bool   `json:"there"`
	Kind    string `json:"kind,omitempty"` // file, directory, symlink, or why it is none of them
	Size    int64  `json:"size"`
	ModTime int64  `json:"mtime_ns"`
	Mode    string `json:"mode,omitempty"` // octal
	Target  string `json:"target,omitempty"`
	Synced  bool   `json:"synced"`  // of a kind that is synchronised, and in a directory that is
	Differs bool   `json:"differs"` // from what the index says of it
	Error   string `json:"error,omitempty"`

	stamp index.Stamp
}

// look looks at a path without following any symlink, and without opening
// anything that could notice.
func look(root string, p index.Path) *Disk {
	d := &Disk{}
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		d.Error = fmt.Sprintf("look into the share's directory %s: %v", root, err)
		return d
	}
	defer func() { unix.Close(dir) }()
	var top unix.Stat_t
	if err := unix.Fstat(dir, &top); err != nil {
		d.Error = fmt.Sprintf("look into the share's directory %s: %v", root, err)
		return d
	}
	names := strings.Split(string(p), "/")
	for i, name := range names {
		fd, err := unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ENAMETOOLONG) {
			return d
		}
		if err != nil {
			d.Error = fmt.Sprintf("look at %s: %v", index.Quote(strings.Join(names[:i+1], "/")), err)
			return d
		}
		unix.Close(dir)
		dir = fd
		var st unix.Stat_t
		if err := unix.Fstat(dir, &st); err != nil {
			d.Error = err.Error()
			return d
		}
		if last := i == len(names)-1; last {
			d.fill(dir, &st, &top)
		} else if st.Mode&unix.S_IFMT != unix.S_IFDIR {
			return d
		} else if st.Dev != top.Dev {
			d.Error = fmt.Sprintf("%s is another filesystem, mounted inside the share: what is in it is not synchronised",
				index.Quote(strings.Join(names[:i+1], "/")))
		}
	}
	return d
}

// fill takes over what stat said of what is open as fd.
func (d *Disk) fill(fd int, st, top *unix.Stat_t) {
	d.There = true
	d.stamp = index.Stamp{Ino: st.Ino, Mode: st.Mode, UID: st.Uid, GID: st.Gid}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		d.stamp.Size, d.stamp.ModTime, d.stamp.Ctime = st.Size, st.Mtim.Nano(), st.Ctim.Nano()
	}
	d.Size, d.ModTime, d.Mode = st.Size, st.Mtim.Nano(), fmt.Sprintf("%04o", st.Mode&0o7777)
	d.Synced = d.Error == ""
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		d.Kind = index.File.String()
	case unix.S_IFDIR:
		d.Kind = index.Dir.String()
		d.Size = 0
		if st.Dev != top.Dev {
			d.Synced = false
			d.Error = "another filesystem is mounted there: it is not synchronised"
		}
	case unix.S_IFLNK:
		d.Kind = index.Symlink.String()
		buf := make([]byte, 4096)
		if n, err := unix.Readlinkat(fd, "", buf); err == nil {
			d.Target = index.Quote(string(buf[:n]))
		}
	default:
		d.Kind, d.Synced = special(st.Mode), false
	}
}

func special(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFIFO:
		return "FIFO"
	case unix.S_IFSOCK:
		return "socket"
	}
	return "device"
}

// compare says whether the index has seen it as it is.
func (d *Disk) compare(r *index.Record) {
	d.Differs = d.Error == "" && (r.Ours.Live() != d.There || d.There && d.stamp != r.Stamp)
}
