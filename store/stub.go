package store

import (
	"errors"
	"io"
	"iter"
	"time"

	"duet/store/index"
)

var (
	ErrLocked  = errors.New("is in use by another process")
	ErrCorrupt = errors.New("is damaged")
	ErrFormat  = errors.New("has a format that this version cannot use")
)

type Options struct {
	ReadOnly bool
	Share    string
	Node     index.NodeID
	Now      func() time.Time         // default time.Now
	Random   func() uint64            // default crypto/rand
	Commit   func(stage string) error // "commit" before, "committed" after; an error from "commit" rolls back
}
type Store struct{}
type Tx struct{}
type CheckOptions struct {
	Held iter.Seq[string] // names in the holding area's kept folder; nil: not checked
}

func Open(path string, o Options) (*Store, error)                                { panic("todo") }
func (s *Store) View(f func(*Tx) error) error                                    { panic("todo") }
func (s *Store) Update(f func(*Tx) error) error                                  { panic("todo") }
func (s *Store) CopyTo(w io.Writer) (int64, error)                               { panic("todo") }
func (s *Store) Close() error                                                    { panic("todo") }
func (s *Store) Path() string                                                    { panic("todo") }
func (s *Store) NewEpoch(now time.Time) (index.Epoch, error)                     { panic("todo") }
func (s *Store) ForgetPeer(peer index.NodeID, epoch index.Epoch) error           { panic("todo") }
func (tx *Tx) Meta() (Meta, error)                                               { panic("todo") }
func (tx *Tx) PutMeta(m Meta) error                                              { panic("todo") }
func (tx *Tx) Head() index.Seq                                                   { panic("todo") }
func (tx *Tx) Get(p index.Path) (*index.Record, error)                           { panic("todo") }
func (tx *Tx) Put(r *index.Record) error                                         { panic("todo") }
func (tx *Tx) Delete(p index.Path) error                                         { panic("todo") }
func (tx *Tx) Note(e index.Event) (index.Seq, error)                             { panic("todo") }
func (tx *Tx) Event(pos index.Seq) (index.Event, error)                          { panic("todo") }
func (tx *Tx) Events(from index.Seq) iter.Seq2[index.Event, error]               { panic("todo") }
func (tx *Tx) EventsBack(from index.Seq) iter.Seq2[index.Event, error]           { panic("todo") }
func (tx *Tx) Since(pos index.Seq) iter.Seq2[*index.Record, error]               { panic("todo") }
func (tx *Tx) Range(from index.Path, after bool) iter.Seq2[*index.Record, error] { panic("todo") }
func (tx *Tx) Under(dir index.Path) iter.Seq2[*index.Record, error]              { panic("todo") }
func (tx *Tx) Todo(from index.Path) iter.Seq2[*index.Record, error]              { panic("todo") }
func (tx *Tx) TodoBack(from index.Path) iter.Seq2[*index.Record, error]          { panic("todo") }
func (tx *Tx) Held() iter.Seq2[*index.Record, error]                             { panic("todo") }
func (tx *Tx) ByHash(h index.Hash, size int64) iter.Seq2[index.Path, error]      { panic("todo") }
func (tx *Tx) AddIntent(i index.Intent) (uint64, error)                          { panic("todo") }
func (tx *Tx) Intents() ([]index.Intent, error)                                  { panic("todo") }
func (tx *Tx) DropIntent(id uint64) error                                        { panic("todo") }
func (tx *Tx) AddKept(k index.Kept) (uint64, error)                              { panic("todo") }
func (tx *Tx) GetKept(id uint64) (*index.Kept, error)                            { panic("todo") }
func (tx *Tx) DropKept(id uint64) error                                          { panic("todo") }
func (tx *Tx) AllKept() iter.Seq2[index.Kept, error]                             { panic("todo") }
func (tx *Tx) KeptByHash(h index.Hash) (*index.Kept, error)                      { panic("todo") }
func (tx *Tx) AddConflict(c index.Conflict) (uint64, error)                      { panic("todo") }
func (tx *Tx) DropConflict(id uint64) error                                      { panic("todo") }
func (tx *Tx) Conflicts() iter.Seq2[index.Conflict, error]                       { panic("todo") }
func (tx *Tx) Counts() (Counts, error)                                           { panic("todo") }
func Check(tx *Tx, o CheckOptions) iter.Seq[error]                               { panic("todo") }
