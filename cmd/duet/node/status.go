package node

import (
	"time"

	"duet/replicate/report"
)

// Status is what a node says of itself: the answer of 'duet status --json'.
// Keys are added, but never removed or changed.
type Status struct {
	Node    string          `json:"node"`
	ID      string          `json:"id"`
	Running bool            `json:"running"`
	PID     int             `json:"pid,omitempty"`
	Version string          `json:"version,omitempty"`
	Started time.Time       `json:"started,omitzero"`
	State   string          `json:"state_dir"`
	Config  string          `json:"config"`
	Listen  string          `json:"listen,omitempty"`        // the address that it listens on
	BWLimit int64           `json:"bwlimit"`                 // of contents sent, bytes a second, in force now; 0: none
	BWTable string          `json:"bwlimit_table,omitempty"` // as configured
	Peer    PeerStatus      `json:"peer"`
	Shares  []report.Status `json:"shares"`
}

// PeerStatus is the other node, as this one sees it.
type PeerStatus struct {
	Name      string `json:"name"`
	ID        string `json:"id"`
	Connected bool   `json:"connected"` // for at least one share
	Address   string `json:"address,omitempty"`
	LastError string `json:"last_error,omitempty"`
}

// Stopped is the state word of a share whose daemon does not run.
const Stopped report.State = "stopped"
