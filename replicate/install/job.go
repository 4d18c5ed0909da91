package install

import (
	"errors"

	"duet/recovery/landing"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// Errors of one path that a caller acts on.
var (
	// ErrLive means that a directory cannot go, because there is something in
	// it that is to stay, or that the index does not know.
	ErrLive = landing.ErrLive
	// ErrParent means that the directory that is to hold the path is missing.
	ErrParent = errors.New("the directory that holds it is missing")
	// ErrContent means that the local content to copy is not, or no longer,
	// what was asked for: it has to be fetched.
	ErrContent = errors.New("local content is not what was expected")
	// ErrPending means that the path has an intent that was never settled:
	// recovery.Replay has to run first.
	ErrPending = errors.New("an earlier install of it is not settled")
	// ErrTwice means that the path is in the batch twice.
	ErrTwice = errors.New("the batch already has a job for it")
)

// Env is what the share knows and installing needs.
type Env struct {
	landing.Env
	// Recheck decides again, from the record as it is now: false drops the
	// job as stale. nil: none is.
	Recheck func(r *index.Record, j *Job) bool
	// Undone is told of paths that were touched, or may have been, and are as
	// they were before: who looks at the tree may have seen them otherwise. nil:
	// nobody looks.
	Undone func(index.Path)
	// Opened is told of directories that were opened for their owner, which Shut
	// is to shut once all is done. nil: modes do not bind this process.
	Opened func([]index.Path)
}

// Job is one path that is to become Entry.
type Job struct {
	Path  index.Path
	Entry *index.Entry // ours once it is done; Gone: remove what is there

	// Where a file's content comes from: Staged (verified, finished, fsynced),
	// or Local. Neither is needed if only metadata changes, or with From.
	// Batch stages symlinks itself, and directories but for those that were staged
	// with files in them: Staged.In names theirs.
	Staged vfs.Held
	Stamp  index.Stamp // of what is staged, as it was finished; zero: it has to be looked at
	Local  Source

	// From is the path that is moved to Path, FromEntry the tombstone that
	// it becomes. A directory is moved with all that is in it, if that can be, or
	// else made anew.
	From      index.Path
	FromEntry *index.Entry
	FromRule  string // the line of the decision table by which it goes

	// Known are the records of Path and From that the job was made from, as the index
	// had them at At. If it is still as it was then, they are not read again.
	Known, KnownFrom *index.Record
	At               store.Moment

	// Single has it removed by itself, and not along with a directory: that was tried.
	Single bool

	// Own makes this an edit of this node's, a restore: the tree is changed, the record is
	// left as it is, and the caller examines Path, which finds the edit.
	Own bool

	// Repair replaces a file or link that the index says is Entry already: its
	// content is damaged. Damaged is what comes out of the tree, and is kept.
	Repair  bool
	Damaged *index.Entry

	What     index.What      // of the journal's event; 0: Adopted
	How      index.How       // likewise; 0: ByPeer
	By       index.NodeID    // whose change it is; 0: Entry.Origin
	Rule     string          // the line of the decision table
	Note     string          // likewise of the event, for people
	Reason   index.Reason    // of the kept version; 0: Removed or Overwritten
	Conflict *index.Conflict // recorded with it; Path, Time and Kept are filled in
}

// Source names content that is here already: a file of the tree, or a held one.
type Source struct {
	Path index.Path
	Held vfs.Held
}

// IsZero reports whether s names nothing.
func (s Source) IsZero() bool { return s == Source{} }

// Outcome is what became of a job.
type Outcome struct {
	Path index.Path
	From index.Path // of a move
	Done bool       // the index says so
	// Raced means that the tree is not what the index says: Path (and From)
	// have to be examined. It may come with Done.
	Raced bool
	Busy  bool   // a process has the file open for writing: try later
	Stale bool   // Env.Recheck dropped it, or it waits for another one
	Apart bool   // the directory could not be moved with all that is in it: file by file, then
	Kept  uint64 // of the kept version, 0 if none
	Err   error  // of this path; what was staged is left for a retry
}
