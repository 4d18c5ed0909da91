package store

// Counts are the sums that Tx.Counts keeps up to date.
type Counts struct {
	Files, Dirs, Links int64 // live entries of this node
	Tombstones         int64
	Records            int64
	Bytes              int64 // of the live files
	Take, Wait, Held   int64 // records by Next
	Kept, KeptBytes    int64
	Conflicts          int64
	Intents            int64
}
