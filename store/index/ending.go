package index

import "fmt"

// Ending is how a session with the peer came to its end.
type Ending uint8

// How a session can end.
const (
	EndedSomehow Ending = iota // nobody has written down how
	EndedCut                   // the connection was lost, or was cut
	EndedStopped               // one of the daemons was stopped
	EndedCrashed               // one of the daemons ended suddenly: a crash, a kill, a power failure
	EndedHalted                // the share was halted on one of the nodes
	EndedRefused               // one of the nodes would not go on with what the other said
)

func (e Ending) String() string {
	if e > EndedRefused {
		return fmt.Sprintf("ending(%d)", uint8(e))
	}
	return [...]string{"unknown", "cut", "stopped", "crashed", "halted", "refused"}[e]
}
