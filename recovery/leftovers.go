package recovery

import (
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"

	"duet/recovery/landing"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// PartSuffix ends the staged name of an interrupted transfer; before it comes
// the hash of the content, in hex.
const PartSuffix = ".part"

// partAge is how long an interrupted transfer waits to be resumed.
const partAge = 7 * 24 * time.Hour

// foundChunk is how many found things are written down with one commit.
const foundChunk = 100

// leftovers tidies the holding area: what nothing explains becomes a kept
// version, and copies that nobody needs are removed.
func (s *scene) leftovers() error {
	if len(s.intents) > 0 {
		if err := s.look(); err != nil { // the intents that are left, the names as they are now
			return err
		}
	}
	for _, in := range s.intents {
		delete(s.stage, in.Held)
		delete(s.stage, in.Held+landing.OutSuffix)
		delete(s.kept, in.Held)
		for _, ino := range []uint64{in.Ino, in.Expect.Ino} {
			if h, ok := s.staged(ino); ok {
				delete(s.stage, h.Name)
			}
		}
	}
	if err := s.tidyStage(); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(s.kept)) {
		if err := s.found(vfs.Held{Area: vfs.Kept, Name: name}); err != nil {
			return err
		}
	}
	return s.flush()
}

func (s *scene) tidyStage() error {
	if len(s.stage) == 0 {
		return nil
	}
	wanted, err := s.wanted()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(s.stage)) {
		info := s.stage[name]
		if err := s.ctx.Err(); err != nil {
			return err
		}
		h := vfs.Held{Area: vfs.Stage, Name: name}
		copied := true
		switch {
		case strings.HasSuffix(name, PartSuffix) && !landing.MayBeOriginal(name):
			if s.resumable(name, info, wanted) {
				s.report.Parts++
				continue
			}
		case landing.MayBeOriginal(name):
			if copied, err = s.isCopy(h, info); err != nil {
				return err
			}
		}
		if !copied {
			err = s.found(h)
		} else {
			s.report.Removed++
			err = s.files.RemoveHeld(h)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// wanted is the content, by hash, that the peer has and this node is to take.
func (s *scene) wanted() (map[index.Hash]bool, error) {
	out := make(map[index.Hash]bool)
	err := s.st.View(func(tx *store.Tx) error {
		for r, err := range tx.Todo(index.Root) {
			if err != nil {
				return err
			}
			if r.Theirs != nil {
				out[r.Theirs.Hash] = true
			}
		}
		return nil
	})
	return out, err
}

func (s *scene) resumable(name string, info vfs.Info, wanted map[index.Hash]bool) bool {
	raw, err := hex.DecodeString(strings.TrimSuffix(name, PartSuffix))
	if err != nil || len(raw) != len(index.Hash{}) {
		return false
	}
	// By ctime: a finished one has the time of the peer's file.
	age := s.env.Now().Sub(time.Unix(0, info.Stamp.Ctime))
	return wanted[index.Hash(raw)] && info.Type == vfs.Regular && age < partAge
}

// isCopy reports whether a staged thing that may have been in the tree is
// proved to be a copy: a file of the tree, or a kept version, has the same
// bytes. It comes to this only if an index was lost together with its intents.
func (s *scene) isCopy(h vfs.Held, info vfs.Info) (bool, error) {
	if info.Type != vfs.Regular {
		return false, nil
	}
	e, err := s.env.EntryOf(s.files, h)
	if err != nil {
		return false, nil // not known: not a copy
	}
	if e.Size == 0 {
		return true, nil
	}
	copied := false
	var same []index.Path
	err = s.st.View(func(tx *store.Tx) error {
		k, err := tx.KeptByHash(e.Hash)
		if err != nil {
			return err
		}
		copied = k != nil
		for p, err := range tx.ByHash(e.Hash, e.Size) {
			if err != nil {
				return err
			}
			if same = append(same, p); len(same) == maxSame {
				break
			}
		}
		return nil
	})
	for i := 0; err == nil && !copied && i < len(same); i++ {
		copied, err = s.asRecorded(same[i])
	}
	return copied, err
}

// maxSame is how many files with the same content are looked at.
const maxSame = 8

// asRecorded reports whether p is on disk as the index says.
func (s *scene) asRecorded(p index.Path) (bool, error) {
	r, err := s.record(p)
	if err != nil || !r.Ours.Live() {
		return false, err
	}
	info, ok, err := s.lstat(p)
	return ok && err == nil && info.Stamp == r.Stamp, nil
}

// found makes something that nothing explains a kept version. Where it was in
// the tree nobody knows: its path is its name.
func (s *scene) found(h vfs.Held) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	e := s.env.KnownAs(s.files, h)
	if h.Area == vfs.Stage {
		kept, err := landing.Keep(s.files, h, landing.KeptName(s.at, len(s.lands), e))
		if err != nil {
			return err
		}
		h = kept
	}
	p, err := index.ParsePath(h.Name)
	if err != nil {
		return err
	}
	s.lands = append(s.lands, &landing.Landing{
		Path: p, By: s.env.Node, Out: &landing.Displaced{Held: h.Name, Entry: e, Reason: index.Found},
	})
	s.report.Found++
	if len(s.lands) >= foundChunk {
		return s.flush()
	}
	return nil
}

func (s *scene) flush() error {
	if len(s.lands) == 0 {
		return nil
	}
	if err := s.files.SyncDirs(nil); err != nil {
		return err
	}
	return s.commit()
}
