package store

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"

	"duet/store/index"
)

// lockWait is how long Open waits for another process to let go of the file:
// long enough for one that is stopping, short enough for a person.
const lockWait = 200 * time.Millisecond

// mapSize is how much address space the file gets at first. bbolt cannot grow a
// mapping while anything reads, so a long View, such as a copy, would hold up
// every Update that needs room. This much holds millions of paths, and takes no
// memory.
const mapSize = 1 << 30

// Options are what Open needs to know. The zero value opens for writing.
type Options struct {
	ReadOnly bool
	Share    string       // name of the share; an index of another one is refused
	Node     index.NodeID // this node; an index of another one starts a new epoch

	Now    func() time.Time // default time.Now
	Random func() uint64    // default crypto/rand

	// Commit is for tests that stop the world around a commit. It is called
	// with "commit" before and "committed" after each; an error from the
	// first undoes the transaction, an error from either is Update's.
	Commit func(stage string) error
}

// Store is one share's index. Any number of Views may run beside one Update.
type Store struct {
	path    string
	options Options
	db      *bolt.DB
	classes atomic.Pointer[classes] // those of the last commit, at least
	recent  atomic.Int64            // keys of the recent contents, or unknown; Update's, as the next one is
	ripe    atomic.Uint64           // where the next of these to be moved begin
	broken  atomic.Bool             // a transaction of a damaged file could not be ended
}

// Open opens the index file at path, and creates it if there is none and
// o.ReadOnly is not set. Opened for writing, it finishes what a crash
// interrupted, brings an older format up to date and starts a new index.Run.
//
// The error wraps ErrLocked if another process has the file open, ErrCorrupt
// if it is damaged (it is then left as it is), and ErrFormat if this version of
// Duet cannot use it.
func Open(path string, o Options) (*Store, error) {
	s, err := open(path, o, migrations)
	if err != nil {
		return nil, fmt.Errorf("open index %s: %w", path, err)
	}
	return s, nil
}

func open(path string, o Options, steps []migration) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = randomUint64
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !o.ReadOnly:
		if err := create(path, o, steps); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	case info.Size() == 0:
		return nil, damage(errors.New("the file is empty"))
	}
	// The first look is read-only, so that a damaged file stays as it is for
	// whoever wants to rescue something from it.
	s, err := openBolt(path, o, true)
	if err != nil {
		return nil, err
	}
	if err := s.View(func(tx *Tx) error { return tx.look(steps) }); err != nil || o.ReadOnly {
		return s, closeOn(s, err)
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	if s, err = openBolt(path, o, false); err != nil {
		return nil, err
	}
	return s, closeOn(s, s.begin(steps))
}

// begin does what every start for writing does.
func (s *Store) begin(steps []migration) error {
	if err := s.migrate(steps); err != nil {
		return err
	}
	if err := s.Update((*Tx).beginRun); err != nil {
		return err
	}
	return s.resumeReset()
}

// openBolt opens the file that is there.
func openBolt(path string, o Options, readOnly bool) (s *Store, err error) {
	s = &Store{path: path, options: o}
	s.classes.Store(&classes{})
	s.recent.Store(unknown)
	var file *os.File
	defer s.catch(&err, func() error {
		if file != nil {
			return file.Close() // releases the lock; bbolt has lost the handle
		}
		return nil
	})
	s.db, err = bolt.Open(path, 0o600, &bolt.Options{
		Timeout: lockWait, ReadOnly: readOnly, FreelistType: bolt.FreelistMapType, InitialMmapSize: mapSize,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			var err error
			file, err = os.OpenFile(name, flag&^os.O_CREATE, mode)
			return file, err
		},
	})
	if err != nil {
		return nil, openError(err)
	}
	s.db.AllocSize = 1 << 20
	err = s.View(func(tx *Tx) error {
		info, err := file.Stat()
		if err != nil {
			return err
		}
		if want := tx.bolt.Size(); info.Size() < want {
			return damage(fmt.Errorf("%d bytes long, and should be at least %d", info.Size(), want))
		}
		return tx.loadClasses()
	})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func closeOn(s *Store, err error) error {
	if err == nil {
		return nil
	}
	return errors.Join(err, s.Close())
}

// Path returns the name of the index file.
func (s *Store) Path() string { return s.path }

// Close waits for transactions to end and closes the file.
func (s *Store) Close() error {
	if s.broken.Load() {
		return nil // bbolt's locks are held for ever; the process is about to end
	}
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close index %s: %w", s.path, err)
	}
	return nil
}

// CopyTo writes a consistent copy of the index, as of now, and returns its
// size. Updates go on meanwhile, but space that they free is reused only later.
func (s *Store) CopyTo(w io.Writer) (n int64, err error) {
	err = s.View(func(tx *Tx) error {
		n, err = tx.bolt.WriteTo(w)
		return err
	})
	if err != nil {
		return n, fmt.Errorf("copy index %s: %w", s.path, err)
	}
	return n, nil
}

func randomUint64() uint64 {
	var b [8]byte
	rand.Read(b[:]) // never fails, see crypto/rand
	return binary.BigEndian.Uint64(b[:])
}
