package replicate

import (
	"maps"
	"os"
	"slices"

	"duet/replicate/install"
	"duet/store"
	"duet/store/index"
)

// A directory that its owner may not write in (mode 0555, say) is a closed
// book to a daemon that is not root. Package install opens it while there is
// something to do in it; here it is remembered what is open, and shut once
// nothing is left to do.

// ownerBits are what the owner of a directory needs to work in it.
const ownerBits = 0o700

// unprivileged reports whether modes bind this process.
var unprivileged = os.Geteuid() != 0

// opened takes note of directories that a batch has opened. It is called in the
// writer lane.
func (s *Share) opened(paths []index.Path) {
	s.post(func() {
		l := s.loop
		for _, p := range paths {
			l.open[p] = true
		}
		if l.mayAct() {
			l.rounds.Kick()
		} else {
			l.shutAll() // behind the batch; it is one that a person has asked for
		}
	})
}

// shutAll shuts what was opened, once nothing is left to do.
func (l *loop) shutAll() {
	if len(l.open) == 0 {
		return
	}
	paths := slices.Collect(maps.Keys(l.open))
	clear(l.open)
	files := l.root.files
	l.ask(func() func() {
		if err := install.Shut(l.s.st, files, paths); err != nil {
			return func() { l.indexFailed("shut directories", err) }
		}
		return nil
	})
}

// findOpen looks after a start for directories that a stop, or a crash, left
// open.
func (l *loop) findOpen() {
	if !unprivileged {
		return
	}
	l.start(func() func() {
		var open []index.Path
		err := l.s.st.View(func(tx *store.Tx) error {
			for r, err := range tx.Range(index.Root, false) {
				if err != nil {
					return err
				}
				if install.IsOpen(r) {
					open = append(open, r.Path)
				}
			}
			return nil
		})
		return func() {
			if err != nil {
				l.indexFailed("look for open directories", err)
			}
			for _, p := range open {
				l.open[p] = true
			}
			l.rounds.Kick()
		}
	})
}
