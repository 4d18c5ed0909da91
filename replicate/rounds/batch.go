package rounds

import (
	"slices"
	"time"

	"duet/replicate/install"
	"duet/replicate/room"
	"duet/replicate/transfer"
	"duet/scan/vfs"
	"duet/store/index"
)

// Batch is paths on their way together.
type Batch struct {
	Jobs    []install.Job
	Settle  []index.Path // nothing changes in the tree: they are decided again, and that is all
	Ahead   bool         // of the other batches: see fresh
	Files   vfs.Files
	Failed  map[index.Path]error      // paths that could not be staged
	Sources map[index.Path]index.Path // of copies: where the content was thought to be

	room     *room.Promises
	wants    []transfer.Want
	copies   []copying
	nests    []int                   // in Jobs: new directories that are staged with files in them
	small    map[index.Path][]byte   // contents that are here, by path
	metas    map[index.Path]vfs.Meta // for small, and for new directories
	bytes    int64
	along    int64 // bytes of small
	big      bool
	yields   bool                   // a directory gives way to something else
	launched time.Time              // when it was
	removals map[index.Path]bool    // the last of Jobs: all, or what goes along with contents
	approved map[index.Path]bool    // removals that a person approved
	vacated  map[index.Path][]int64 // directories that give way to a file, and how much goes with each, for each bound
}

// copying is a job whose content is somewhere here already.
type copying struct {
	job  int // in Batch.Jobs
	from install.Source
	meta vfs.Meta
}

func newBatch() *Batch {
	return &Batch{
		small: map[index.Path][]byte{}, metas: map[index.Path]vfs.Meta{}, approved: map[index.Path]bool{}, removals: map[index.Path]bool{},
		vacated: map[index.Path][]int64{}, Failed: map[index.Path]error{}, Sources: map[index.Path]index.Path{},
	}
}

// Removes reports whether something is deleted by b.
func (b *Batch) Removes() bool { return len(b.removals)+len(b.vacated) > 0 }

// onlyRemoves reports whether there is nothing else in b.
func (b *Batch) onlyRemoves() bool { return len(b.removals) > 0 && len(b.removals) == len(b.Jobs) }

// Waits reports whether contents have to be staged before b can be installed.
func (b *Batch) Waits() bool { return len(b.wants)+len(b.copies)+len(b.small) > 0 }

// Local reports whether nothing is to be fetched for b.
func (b *Batch) Local() bool { return len(b.wants) == 0 }

// Paths are those that the batch may touch in the tree.
func (b *Batch) Paths() map[index.Path]bool {
	out := make(map[index.Path]bool, len(b.Jobs))
	for i := range b.Jobs {
		out[b.Jobs[i].Path] = true
		if b.Jobs[i].From != index.Root {
			out[b.Jobs[i].From] = true
		}
	}
	return out
}

// Entry is what the batch made of one of its paths.
func (b *Batch) Entry(p index.Path) *index.Entry {
	i := slices.IndexFunc(b.Jobs, func(j install.Job) bool { return j.Path == p })
	return b.Jobs[i].Entry
}
