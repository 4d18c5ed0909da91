package landing

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"duet/scan/vfs"
	"duet/store/index"
)

// outPrefix begins the staged names that are given to Files.Swap. Where the
// filesystem cannot exchange, what was in the tree goes by way of that name
// with ".out" at its end.
const outPrefix = "out-"

// OutSuffix is what vfs then appends.
const OutSuffix = ".out"

// movePrefix begins the names by way of which vfs moves within the tree where
// the filesystem cannot rename without replacing.
const movePrefix = "move-"

// OutName is a staged name for something that is to be swapped in: after the
// swap it names what was in the tree. at and n make it different from others.
func OutName(at index.Seq, n int) string { return fmt.Sprintf("%s%d-%d", outPrefix, at, n) }

// NewName is a staged name for something that is only ever placed.
func NewName(at index.Seq, n int) string { return fmt.Sprintf("new-%d-%d", at, n) }

// MayBeOriginal reports whether what has this staged name may be something
// that was in the tree.
func MayBeOriginal(name string) bool {
	return strings.HasPrefix(name, outPrefix) || strings.HasPrefix(name, movePrefix)
}

// KeptName is a name among the kept for what e describes: a number, and what
// a person can compare with the index.
func KeptName(at index.Seq, n int, e *index.Entry) string {
	what := e.Kind.String()
	if e.Kind == index.File {
		what = e.Hash.String()[:12]
	}
	return fmt.Sprintf("%d-%d-%s", at, n, what)
}

// Free returns h, or h with a number at the end of its name, so that nothing
// has that name yet. Names repeat only after an index was lost.
func Free(files vfs.Files, h vfs.Held) (vfs.Held, error) {
	try := h
	for n := 2; ; n++ {
		_, err := files.LstatHeld(try)
		if errors.Is(err, fs.ErrNotExist) {
			return try, nil
		}
		if err != nil {
			return vfs.Held{}, err
		}
		try.Name = fmt.Sprintf("%s-%d", h.Name, n)
	}
}
