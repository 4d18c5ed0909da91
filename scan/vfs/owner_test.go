package vfs_test

import (
	"os/user"
	"strconv"
	"testing"

	"duet/scan/vfs"
)

func TestOwners(t *testing.T) {
	o := vfs.NewOwners()
	me, err := user.Current()
	must(t, err)
	uid, err := strconv.ParseUint(me.Uid, 10, 32)
	must(t, err)
	gid, err := strconv.ParseUint(me.Gid, 10, 32)
	must(t, err)
	for range 2 { // asked, then remembered
		if got := o.Name(uint32(uid)); got != me.Username {
			t.Errorf("user %d is %q, want %q", uid, got, me.Username)
		}
		if got, ok := o.ID(me.Username); !ok || got != int64(uid) {
			t.Errorf("user %q is %d, %v", me.Username, got, ok)
		}
		if g, err := user.LookupGroupId(me.Gid); err == nil {
			if got := o.GroupName(uint32(gid)); got != g.Name {
				t.Errorf("group %d is %q, want %q", gid, got, g.Name)
			}
			if got, ok := o.GroupID(g.Name); !ok || got != int64(gid) {
				t.Errorf("group %q is %d, %v", g.Name, got, ok)
			}
		}
		if got := o.Name(4111222333); got != "4111222333" {
			t.Errorf("a user without a name is %q", got)
		}
		if got := o.GroupName(4111222333); got != "4111222333" {
			t.Errorf("a group without a name is %q", got)
		}
		if got, ok := o.ID("4111222333"); !ok || got != 4111222333 {
			t.Errorf("a number is %d, %v", got, ok)
		}
	}
	for _, name := range []string{"", "no such user here", "01", "+1", "-1", "0x1", "4294967295", "4294967296",
		"18446744073709551616", "root:x", "a/b", "a\nb", "\x00"} {
		if id, ok := o.ID(name); ok {
			t.Errorf("%q is user %d", name, id)
		}
		if id, ok := o.GroupID(name); ok {
			t.Errorf("%q is group %d", name, id)
		}
	}
}

// TestOwnersBounded: the peer can name as many users as it likes.
func TestOwnersBounded(t *testing.T) {
	o := vfs.NewOwners()
	for i := range uint32(vfs.MaxOwners + 10) {
		o.Name(4_000_000_000 + i)
	}
	if got := o.Cached(); got > vfs.MaxOwners {
		t.Errorf("%d answers are remembered, the limit is %d", got, vfs.MaxOwners)
	}
}
