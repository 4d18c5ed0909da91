package recovery

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"time"

	"duet/recovery/landing"
	"duet/scan/vfs"
	"duet/store"
)

// partIdle is how long nobody has written to a partial transfer before it counts
// as given up. A stream on which nothing comes is given up much earlier.
const partIdle = time.Hour

// DropParts removes partial transfers that nobody will go on with: what the peer
// has by now is something else, or it was not resumed for a week. Else a peer
// could fill the disk with beginnings until the next start. It may run while
// others are fetched.
func DropParts(ctx context.Context, st *store.Store, files vfs.Files, now time.Time) (dropped int, err error) {
	s := &scene{ctx: ctx, st: st, files: files, env: landing.Env{Now: func() time.Time { return now }}}
	infos, err := files.ListHeld(vfs.Stage)
	if err != nil {
		return 0, err
	}
	var idle []vfs.Info
	for _, info := range infos {
		name, part := strings.CutSuffix(info.Name, PartSuffix)
		if part && !landing.MayBeOriginal(name) && now.Sub(time.Unix(0, info.Stamp.Ctime)) >= partIdle {
			idle = append(idle, info)
		}
	}
	if len(idle) == 0 {
		return 0, nil
	}
	wanted, err := s.wanted()
	if err != nil {
		return 0, err
	}
	for _, info := range idle {
		if s.resumable(info.Name, info, wanted) {
			continue
		}
		err := files.RemoveHeld(vfs.Held{Area: vfs.Stage, Name: info.Name})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return dropped, err
		}
		dropped++
	}
	return dropped, nil
}
