package expiry

import "duet/store/index"

// Order is what a person wants pruned. The zero Order is what the
// configuration says, now.
type Order struct {
	Limits *Limits // instead of the configured ones
	Match  func(*index.Kept) bool
	DryRun bool
}

// MaxListed bounds what Pruned lists.
const MaxListed = 10_000

// Pruned is what was pruned, or would be.
type Pruned struct {
	Share    string    `json:"share"`
	DryRun   bool      `json:"dry_run"`
	Versions int64     `json:"versions"`
	Bytes    int64     `json:"bytes"`
	Items    []Version `json:"items"`
	More     int64     `json:"more"` // versions that are not listed; in a dry run at least so many
	Short    string    `json:"short,omitempty"`
	Problems []string  `json:"problems,omitempty"`
}

// Version is one of them.
type Version struct {
	ID     uint64 `json:"id"`
	Path   string `json:"path"` // escaped
	Reason string `json:"reason"`
	Time   int64  `json:"time_ns"` // when it was displaced
	Bytes  int64  `json:"bytes"`
	Why    string `json:"why"` // it goes
}

// Add adds what one step did.
func (p *Pruned) Add(r Report) {
	p.Bytes += r.Bytes
	p.Short = r.Short
	for i := range r.Pruned {
		p.Versions++
		if len(p.Items) == MaxListed {
			p.More++
			continue
		}
		d := &r.Pruned[i]
		p.Items = append(p.Items, Version{
			ID: d.Kept.ID, Path: d.Kept.Path.String(), Reason: d.Kept.Reason.String(), Time: d.Kept.Time, Bytes: d.Size(), Why: d.Why,
		})
	}
	for _, err := range r.Problems {
		p.Problems = append(p.Problems, err.Error())
	}
}
