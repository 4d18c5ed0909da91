package doctor

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"duet/replicate/link"
	"duet/replicate/report"
)

// state looks at the state directory, in which the indexes are.
func (x *exam) state() {
	dir := x.cfg.State
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		x.say("state", Doubt, "'duet run' and 'duet key' make it", "%s is not there yet", dir)
		return
	case err != nil:
		x.say("state", Bad, "run as the user that duet runs as, or name another directory with --state", "%v", err)
		return
	case !info.IsDir():
		x.say("state", Bad, "name a directory with 'state:'", "%s is no directory", dir)
		return
	}
	if unix.Access(dir, unix.R_OK|unix.W_OK|unix.X_OK) != nil {
		x.say("state", Bad, "run as the user that it belongs to", "%s cannot be written by this user", dir)
		return
	}
	if name, far := remote(dir); far {
		x.say("state", Bad, "keep it on a disk of this host: name another directory with 'state:'",
			"%s is on %s: the index needs locks and fsync that a network filesystem does not give", dir, name)
		return
	}
	x.room("", "state", dir)
}

// remote says whether a directory is on a filesystem of another host.
func remote(dir string) (name string, far bool) {
	var sf unix.Statfs_t
	if unix.Statfs(dir, &sf) != nil {
		return "", false
	}
	name, far = map[int64]string{
		unix.NFS_SUPER_MAGIC: "NFS", unix.SMB_SUPER_MAGIC: "SMB", unix.SMB2_SUPER_MAGIC: "SMB", unix.CIFS_SUPER_MAGIC: "CIFS",
		unix.CEPH_SUPER_MAGIC: "Ceph", unix.V9FS_MAGIC: "9P", unix.AFS_FS_MAGIC: "AFS", unix.FUSE_SUPER_MAGIC: "FUSE",
	}[int64(sf.Type)]
	return name, far
}

// keys looks at this node's key and the peer's.
func (x *exam) keys() {
	file := x.cfg.KeyFile()
	key, err := link.LoadKey(file)
	if errors.Is(err, fs.ErrNotExist) {
		x.say("key", Doubt, "'duet key' makes it: the other host needs it as peer.key", "this node has no key yet, %s", file)
		return
	}
	if err != nil {
		x.say("key", Bad, "", "%v", err)
		return
	}
	peer, err := link.ParsePublicKey(x.cfg.Peer.Key)
	switch {
	case err != nil:
		x.say("key", Bad, "write what 'duet key' prints on the other host", "peer.key: %v", err)
	case peer.Fingerprint() == key.Public().Fingerprint():
		x.say("key", Bad, "write what 'duet key' prints on the other host", "peer.key is this node's own key")
	default:
		x.say("key", Well, "", "this node is %s, and expects %s as %s", key.Public().Fingerprint(), x.cfg.Peer.Name, peer.Fingerprint())
	}
}

// fewFiles is how many open files are few: each transfer and each look takes some.
const fewFiles = 1024

// files looks at how many files a process may have open.
func (x *exam) files() {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		x.say("open files", Doubt, "", "the limit cannot be read: %v", err)
		return
	}
	if l.Max < fewFiles {
		x.say("open files", Doubt, "raise it: LimitNOFILE= in the service, or ulimit -n", "this user may open %d files at most", l.Max)
		return
	}
	x.say("open files", Well, "", "up to %d", l.Max)
}

// watches compares the directories of all shares with the kernel's limit.
func (x *exam) watches() {
	const file = "/proc/sys/fs/inotify/max_user_watches"
	raw, err := os.ReadFile(file)
	limit, wrong := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
	if err = errors.Join(err, wrong); err != nil {
		x.say("watches", Doubt, "", "the kernel's limit cannot be read: %v", err)
		return
	}
	if x.status == nil {
		x.say("watches", Well, "", "the kernel gives up to %d, one for a directory", limit)
		return
	}
	var need int64
	for i := range x.status.Shares {
		need += x.status.Shares[i].Dirs + 1
	}
	if need > limit*9/10 {
		x.say("watches", Doubt, "raise it: sysctl fs.inotify.max_user_watches="+strconv.FormatInt(max(4*need, 1<<20), 10)+
			", and the same in /etc/sysctl.d", "the shares have %d directories, and the kernel gives %d watches to a user: what is not watched is found by rescans only",
			need, limit)
		return
	}
	x.say("watches", Well, "", "%s, and the kernel gives up to %d", report.Count(need, "directory"), limit)
}
