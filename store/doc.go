// Package store keeps one share's index: a bbolt file with a record for every
// path, the journal of every change, and the few things that must survive a
// crash with them.
//
// # What is where
//
// Each bucket is one file of this package. Keys of paths are index.Path.Key,
// so that byte order is walk order.
//
//	meta      "format", "meta", "counts"
//	record    path → index.Record
//	todo      path, where Next is Take; held likewise
//	content   5 bytes of a file's hash, then Record.Pos; recent: the same, of
//	          what changed lately
//	class     number → index.Class
//	journal   position → index.Event
//	mention   path, then the position of an event that concerns it, unless
//	          its record points at that
//	intent, kept, conflict
//	          id → the value; kepthash: hash, then id; keptpath and
//	          dispute (of conflicts): path, then id
//	ruling    id → index.Ruling; ruled: id, then path → index.Ruled
//
// # What keeps it small
//
// Most of an entry is the same for a record and for the event that carried it,
// so it is written once: the event leaves it out, and gets it written in when
// the record moves on. Nor does content repeat paths: a position names one.
// Nor do records repeat owners, modes and epochs: a class names those. The
// history of a path is found through its record and what mentions it: a path
// that was only ever created has no key there.
//
// # Why these bbolt options
//
// The free list is written with every commit. Leaving it out (NoFreelistSync)
// would save a page or two a commit, but then bbolt reads the whole file at
// every start, and does so on a goroutine that ends the process when it meets
// a damaged page: a corrupt index must be an error that a person can read. In
// memory the free list is a map, which stays fast when a large delete leaves it
// long. Files grow by 1 MiB, not by bbolt's 16: most shares are small.
package store
