package talk

import (
	"fmt"

	"duet/replicate/wire"
	"duet/scan"
	"duet/store/index"
)

// lastEpoch is the latest epoch that a peer may bring up, of ours or its own: of
// the year 2097. The next epoch has to be greater, and there have to be some left.
const lastEpoch index.Epoch = 0xf000_0000_0000_0000

// Fits reports why two nodes cannot sync a share with each other: the peer is
// to have this key and this name.
func Fits(ours, theirs *wire.Hello, peer index.NodeID, name string) error {
	if _, err := wire.Speak(ours, theirs); err != nil {
		return err
	}
	differ := func(key, here, there string) error {
		return fmt.Errorf("%s of share %q is %s here and %s on %s: both nodes must have the same, else they would not agree",
			key, ours.Share, here, there, theirs.NodeName)
	}
	switch {
	case theirs.HeardEpoch > ours.Epoch && theirs.HeardEpoch > lastEpoch:
		return fmt.Errorf("%s remembers epoch %v of this index, which is beyond what any clock makes: its index of share %q is damaged, or it lies; set the share up anew there",
			theirs.NodeName, theirs.HeardEpoch, ours.Share)
	case theirs.Epoch > lastEpoch:
		return fmt.Errorf("%s says that its index has epoch %v, which is beyond what any clock makes: its index of share %q is damaged, or it lies; set the share up anew there",
			theirs.NodeName, theirs.Epoch, ours.Share)
	case theirs.Share != ours.Share:
		return fmt.Errorf("peer speaks of share %q, not %q", theirs.Share, ours.Share)
	case theirs.Node != peer:
		return fmt.Errorf("peer says it is node %v, its key says %v", theirs.Node, peer)
	case theirs.NodeName != name:
		return fmt.Errorf("peer calls itself %q: set peer.name to that (it is %q), or node on the other host", theirs.NodeName, name)
	case theirs.Conflict != ours.Conflict:
		return differ("conflict", ours.Conflict, theirs.Conflict)
	case theirs.Deletes != ours.Deletes:
		return differ("deletes", ours.Deletes, theirs.Deletes)
	case theirs.SpecialBits != ours.SpecialBits:
		return differ("special_bits", fmt.Sprint(ours.SpecialBits), fmt.Sprint(theirs.SpecialBits))
	}
	return nil
}

// Rules reads the rules in the peer's hello.
func Rules(theirs *wire.Hello) (*scan.Rules, error) {
	rules, err := scan.ParseRules(theirs.Ignore)
	if err != nil {
		return nil, fmt.Errorf("read the ignore rules of %s, which must mean the same on both nodes: %w", theirs.NodeName, err)
	}
	return rules, nil
}
