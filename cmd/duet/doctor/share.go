package doctor

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"duet/cmd/duet/config"
	"duet/replicate/report"
)

// share looks at the directory of one share, and at what the daemon says of it.
func (x *exam) share(s *config.Share) {
	info, err := os.Stat(s.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		x.sayOf(s.Name, "root", Bad, "mount it, or make it: Duet never makes the root of a share by itself", "%s is not there", s.Path)
		return
	case err != nil:
		x.sayOf(s.Name, "root", Bad, "run as a user who may read it", "%v", err)
		return
	case !info.IsDir():
		x.sayOf(s.Name, "root", Bad, "name a directory with 'path:'", "%s is no directory", s.Path)
		return
	}
	if unix.Access(s.Path, unix.R_OK|unix.W_OK|unix.X_OK) != nil {
		x.sayOf(s.Name, "root", Bad, "run as the user that it belongs to, or as root", "%s cannot be written by this user", s.Path)
		return
	}
	if name, far := remote(s.Path); far {
		x.sayOf(s.Name, "root", Doubt, "have the share on a disk of this host, or rely on 'rescan:'",
			"%s is on %s: what other hosts change there is seen by rescans only", s.Path, name)
	} else {
		x.sayOf(s.Name, "root", Well, "", "%s", s.Path)
	}
	x.room(s.Name, "room", s.Path)
	x.holding(s)
	x.standing(s.Name)
}

// nearlyFull is how many percent of a filesystem are little.
const nearlyFull = 5

// room looks at what is free where dir is: bytes and inodes.
func (x *exam) room(share, check, dir string) {
	var sf unix.Statfs_t
	if err := unix.Statfs(dir, &sf); err != nil {
		x.sayOf(share, check, Bad, "", "%s: %v", dir, err)
		return
	}
	gigabytes := float64(sf.Bavail) * float64(sf.Bsize) / 1e9
	part := 100 * float64(sf.Bavail) / float64(max(sf.Blocks, 1))
	switch {
	case part < nearlyFull:
		x.sayOf(share, check, Doubt, "make room, or shorten 'keep:'", "%s: only %.1f GB (%.0f %%) are free", dir, gigabytes, part)
	case sf.Files > 0 && 100*float64(sf.Ffree)/float64(sf.Files) < nearlyFull:
		x.sayOf(share, check, Doubt, "remove files, or make the filesystem anew with more inodes", "%s: only %d of %d inodes are free", dir, sf.Ffree, sf.Files)
	default:
		x.sayOf(share, check, Well, "", "%s: %.1f GB (%.0f %%) are free", dir, gigabytes, part)
	}
}

// holding looks whether a holding area with a place of its own is on the same
// filesystem as the root: what is staged there is renamed into the tree.
func (x *exam) holding(s *config.Share) {
	if s.Holding == "" {
		return
	}
	var root, area unix.Stat_t
	dir := s.Holding
	err := unix.Stat(dir, &area)
	if errors.Is(err, fs.ErrNotExist) {
		dir = filepath.Dir(dir)
		err = unix.Stat(dir, &area)
	}
	switch {
	case err != nil:
		x.sayOf(s.Name, "holding", Bad, "name a directory that can be made with 'holding:'", "%s: %v", s.Holding, err)
	case unix.Stat(s.Path, &root) == nil && root.Dev != area.Dev:
		x.sayOf(s.Name, "holding", Bad, "put it on the filesystem of the share", "%s is on another filesystem than %s: nothing can be renamed from there", s.Holding, s.Path)
	default:
		x.sayOf(s.Name, "holding", Well, "", "%s", s.Holding)
	}
}

// standing is what the daemon says of a share.
func (x *exam) standing(share string) {
	if x.status == nil {
		return
	}
	for i := range x.status.Shares {
		s := &x.status.Shares[i]
		if s.Name != share {
			continue
		}
		switch {
		case s.Stuck != nil:
			x.sayOf(share, "state", Bad, "", "%s: %s", s.State, s.Stuck.Reason)
		case len(s.Problems) > 0:
			x.sayOf(share, "state", Doubt, "'duet status' has all of them, and 'duet explain PATH' more of one", "%s; %s: %s", s.State, s.Problems[0].Path, s.Problems[0].Error)
		case s.Reason != "":
			x.sayOf(share, "state", Doubt, "", "%s: %s", s.State, s.Reason)
		default:
			x.sayOf(share, "state", Well, "", "%s, %s", s.State, report.Count(s.Files, "file"))
		}
		return
	}
	x.sayOf(share, "state", Bad, "restart duet: it runs with an older config", "the daemon does not know this share")
}
