package vfs

import "golang.org/x/sys/unix"

// AtOnce is how much of a draft one system call writes.
const AtOnce = atOnce

// DirectFrom is how much of one goes through the page cache.
const DirectFrom = directFrom

// OpenWithout opens a tree as on a kernel or filesystem that lacks some calls.
func OpenWithout(root string, o Options, missing ...string) (*Tree, error) {
	for _, m := range missing {
		switch m {
		case "openat2":
			o.lacks.openat2 = true
		case "statx":
			o.lacks.statx = true
		case "noreplace":
			o.lacks.noreplace = true
		case "exchange":
			o.lacks.exchange = true
		case "links":
			o.lacks.links = true
		default:
			panic(m)
		}
	}
	return Open(root, o)
}

// Lease and Unlease are what Writers does, with time between.
func Lease(c Content) error {
	return control(c.(*content).File, lease)
}

// Unlease gives a lease back.
func Unlease(c Content) {
	_ = control(c.(*content).File, func(fd int) error { unlease(fd); return nil })
}

// Cached returns how many answers of the user database are remembered.
func (o *Owners) Cached() int {
	return max(len(o.users.byID), len(o.users.byName), len(o.groups.byID), len(o.groups.byName))
}

// MaxOwners is the most there may be.
const MaxOwners = maxOwners

// OnSync calls f with every descriptor that is synced, until the func that it
// returns is called; all, if its whole filesystem is. The sync then fails with
// what f returns, or is done.
func OnSync(f func(fd int, all bool) error) (stop func()) {
	instead := func(call func(int) error, all bool) func(int) error {
		return func(fd int) error {
			if err := f(fd, all); err != nil {
				return err
			}
			return call(fd)
		}
	}
	fsync, syncfs = instead(unix.Fsync, false), instead(unix.Syncfs, true)
	return func() { fsync, syncfs = unix.Fsync, unix.Syncfs }
}

// Many is how many things are synced together.
func Many() int { return many }

// SetMany sets it, and returns what sets it back.
func SetMany(n int) (back func()) {
	was := many
	many = n
	return func() { many = was }
}
