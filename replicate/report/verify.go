package report

import (
	"time"

	"duet/store"
)

// Verify is what a share says of its verifications.
type Verify struct {
	Running  *Verifying `json:"running,omitempty"`
	Contents *Verified  `json:"contents,omitempty"` // the last that read every file
	Tree     *Verified  `json:"tree,omitempty"`     // the last that did not
	Next     time.Time  `json:"next,omitzero"`      // when the next one begins, or goes on, by itself
	Half     *Half      `json:"half,omitempty"`     // one by itself that is not finished
}

// Half is how far one has come that goes on after an interruption.
type Half struct {
	Began time.Time `json:"began"`
	Files int64     `json:"files"` // read so far
	Bytes int64     `json:"bytes"`
	After string    `json:"after"` // up to this path, escaped
}

// Verifying is one that is under way.
type Verifying struct {
	Since    time.Time `json:"since"`
	By       string    `json:"by"` // user, rule, peer
	Content  bool      `json:"content"`
	Files    int64     `json:"files"` // read so far
	AllFiles int64     `json:"all_files"`
	Bytes    int64     `json:"bytes"`
	AllBytes int64     `json:"all_bytes"`
	Rate     float64   `json:"rate"` // bytes a second
	Left     float64   `json:"left"` // seconds; 0: not known
}

// Verified is what one came to.
type Verified struct {
	Began      time.Time `json:"began"`
	Ended      time.Time `json:"ended"`
	By         string    `json:"by"`
	Content    bool      `json:"content"` // every file was read
	Paths      int64     `json:"paths"`   // looked at
	Files      int64     `json:"files"`   // read
	Bytes      int64     `json:"bytes"`
	Busy       int64     `json:"busy"`   // files in use, of which nothing can be said
	Missed     int64     `json:"missed"` // changes that nobody had noticed
	Corrupt    int64     `json:"corrupt"`
	Unreadable int64     `json:"unreadable"`
	Failed     int64     `json:"failed"` // could not be looked at
	Repaired   int64     `json:"repaired"`
	Compared   bool      `json:"compared"` // with the peer's index
	Drift      int64     `json:"drift"`
	Damaged    []string  `json:"damaged"` // the first few that were not repaired, escaped
}

// NewVerified is what the index says of a verification; nil if there was none.
func NewVerified(v store.Verified) *Verified {
	if v.Began == 0 {
		return nil
	}
	out := &Verified{
		Began: time.Unix(0, v.Began), Ended: time.Unix(0, v.Ended), By: v.How.String(), Content: v.Content,
		Paths: v.Paths, Files: v.Files, Bytes: v.Bytes, Busy: v.Busy, Missed: v.Missed, Corrupt: v.Corrupt,
		Unreadable: v.Unreadable, Failed: v.Failed, Repaired: v.Repaired, Compared: v.Compared, Drift: v.Drift,
		Damaged: []string{},
	}
	for _, p := range v.Damaged {
		out.Damaged = append(out.Damaged, p.String())
	}
	return out
}

// Bad is how many paths are damaged, as far as is known.
func (v *Verified) Bad() int64 {
	if v == nil {
		return 0
	}
	return max(0, v.Corrupt+v.Unreadable-v.Repaired)
}
