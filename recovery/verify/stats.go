package verify

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"duet/scan"
	"duet/scan/vfs"
	"duet/store/index"
)

// suspect is a path that a walk found changed.
type suspect struct {
	path index.Path
	was  index.Stamp
}

// maxSuspects bounds those that wait for their second look.
const maxSuspects = 10_000

// stats compares what lstat says of every path with the index. It is a scan
// whose findings are not recorded, but looked at once more after the watcher
// has had its time: on a busy share most of them are on their way.
func (r *run) stats() error {
	o := r.o
	_, err := scan.Walk(r.ctx, scan.WalkOptions{
		Files: o.Files, Facts: o.Facts, Lookup: o.Lookup, Get: o.Get, Under: o.Under, Hashers: 1,
		Emit: func(found []scan.Finding, problems []scan.Problem) error {
			for i := range found {
				if err := r.suspect(&found[i]); err != nil {
					return err
				}
			}
			for _, p := range problems {
				if err := r.problem(p); err != nil {
					return err
				}
			}
			return nil
		},
		Progress: func(paths, _ int64) {
			r.sum.Paths = paths
			r.progress(false)
		},
	})
	if err != nil {
		return err
	}
	return r.confirm()
}

func (r *run) suspect(f *scan.Finding) error {
	if f.Entry == nil {
		return nil // only the stamp is new: another name was made, say
	}
	r.suspects = append(r.suspects, suspect{f.Path, f.Was})
	if len(r.suspects) < maxSuspects {
		return nil
	}
	return r.confirm()
}

func (r *run) problem(p scan.Problem) error {
	switch {
	case errors.Is(p.Err, scan.ErrBusy):
		r.sum.Busy++
		return nil
	case p.Skipped:
		return nil
	case damage(p.Err):
		rec, err := r.o.Get(p.Path)
		if err != nil {
			return err
		}
		return r.found(Finding{What: Unreadable, Path: p.Path, Detail: p.Err.Error(), Record: rec})
	}
	return r.found(Finding{What: Failed, Path: p.Path, Detail: p.Err.Error()})
}

// confirm looks at the suspects again.
func (r *run) confirm() error {
	list := r.suspects
	r.suspects = nil
	if len(list) == 0 {
		return nil
	}
	if err := sleep(r.ctx, r.o.Grace); err != nil {
		return err
	}
	for _, s := range list {
		detail, rec, err := r.again(s)
		if err != nil {
			return err
		}
		if detail == "" {
			continue
		}
		if err := r.found(Finding{What: Missed, Path: s.path, Detail: detail, Record: rec}); err != nil {
			return err
		}
	}
	return nil
}

// again says what is still not as the index says, and nobody's business by now.
func (r *run) again(s suspect) (string, *index.Record, error) {
	if r.o.InHand != nil && r.o.InHand(s.path) {
		return "", nil, nil
	}
	rec, err := r.o.Get(s.path)
	if err != nil {
		return "", nil, err
	}
	if rec != nil && rec.Stamp != s.was {
		return "", nil, nil // it has been taken up
	}
	info, err := r.o.Files.Lstat(s.path)
	live := rec != nil && rec.Ours.Live()
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, vfs.ErrChanged):
		if live {
			return "is gone", rec, nil
		}
		return "", nil, nil
	case err != nil:
		return err.Error(), rec, nil
	case !live:
		return "is there, and not in the index", rec, nil
	case info.Stamp == rec.Stamp:
		return "", nil, nil
	}
	return "has changed: " + changes(rec.Stamp, info.Stamp), rec, nil
}

// changes names what is different between two stamps.
func changes(was, now index.Stamp) string {
	const kind = 0170000
	switch {
	case was == index.Stamp{}:
		return "it has not been looked at since it was installed"
	case was.Mode&kind != now.Mode&kind:
		return "it is something else"
	case was.Size != now.Size:
		return fmt.Sprintf("%d bytes, was %d", now.Size, was.Size)
	case was.ModTime != now.ModTime:
		return fmt.Sprintf("modified %s", time.Unix(0, now.ModTime).Format(time.RFC3339))
	case was.Mode != now.Mode:
		return fmt.Sprintf("mode %04o, was %04o", now.Mode&07777, was.Mode&07777)
	case was.UID != now.UID || was.GID != now.GID:
		return fmt.Sprintf("owner %d:%d, was %d:%d", now.UID, now.GID, was.UID, was.GID)
	}
	return "inode or change time"
}
