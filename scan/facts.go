package scan

import (
	"duet/scan/vfs"
	"duet/store/index"
)

// SmallContent is the largest file whose bytes a Finding carries along.
const SmallContent = 32 << 10

// Facts are what a share's configuration says of how its tree is read.
type Facts struct {
	Owners      *vfs.Owners
	SyncOwners  bool // record owner and group names
	SpecialBits bool // record setuid, setgid and sticky
	Node        index.NodeID
	Rules       *Rules // nil: only the built-in ones
}

// Finding is one path whose state is not what the index says. It holds only
// while the record's stamp still equals Was: whoever applies it checks that
// first, and has the path examined again if not.
type Finding struct {
	Path     index.Path
	Was      index.Stamp  // the record's stamp that the disk was compared with; zero if there was none
	Now      index.Stamp  // zero: nothing is there
	Entry    *index.Entry // what Ours must become: Origin set, Version nil; nil: only the stamp is new
	What     index.What   // Created, Changed, Touched or Deleted; 0 if Entry is nil
	Content  []byte       // the bytes that were hashed, if at most SmallContent and not known before; nil otherwise
	Snapshot vfs.Held     // a copy with exactly this content, if the file is still being written; the caller removes it
}
