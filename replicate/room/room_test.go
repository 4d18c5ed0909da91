package room

import (
	"errors"
	"math"
	"strings"
	"syscall"
	"testing"

	"duet/replicate/transfer"
	"duet/scan/vfs"
	"duet/store/index"
)

type roomy struct {
	vfs.Files
	free int64
}

func (r roomy) Free() (int64, error) { return r.free, nil }

func TestRoomForContents(t *testing.T) {
	wants := []transfer.Want{{Path: "a", Size: 10 << 20}, {Path: "b", Size: math.MaxInt64}, {Path: "c", Size: 5<<20 + 1}, {Path: "d", Size: 5 << 20}}
	failed := map[index.Path]error{}
	var got []string
	for _, w := range Of(roomy{free: 16 * (1 << 20)}).ForContents(wants, func(p index.Path, err error) { failed[p] = err }) {
		got = append(got, string(w.Path))
	}
	if s := strings.Join(got, " "); s != "a d" || len(failed) != 2 {
		t.Errorf("room for %s, none for %v", s, failed)
	}
	for p, err := range failed {
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%v: %v", p, err)
		}
	}
}
