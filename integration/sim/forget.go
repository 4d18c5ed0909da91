package sim

import "os"

// forget takes a node's index away, or puts back the one that it had at an
// earlier start: a disk was lost, or a snapshot restored. The tree stays as it
// is. What was deleted may then come back, and nothing may be lost.
func (n *node) forget() {
	if n.w.calm.Load() || n.w.Swarm.Forget == 0 {
		return
	}
	x := n.chances.draw("forget", "")
	old := n.file + ".old"
	now, err := os.ReadFile(n.file)
	switch {
	case err != nil:
		n.w.fault("%s: %v", n.name, err)
		return
	case !x.hits(0, n.w.Swarm.Forget):
		if err := os.WriteFile(old, now, 0o600); err != nil {
			n.w.fault("%s: %v", n.name, err)
		}
		return
	}
	n.w.counts.forgot.Add(1)
	if before, err := os.ReadFile(old); err == nil && x.hits(1, 0.5) {
		n.w.Trace.say(n.name, "*** its index is put back to an old one")
		err = os.WriteFile(n.file, before, 0o600)
		if err != nil {
			n.w.fault("%s: %v", n.name, err)
		}
		return
	}
	n.w.Trace.say(n.name, "*** its index is lost")
	if err := os.Remove(n.file); err != nil {
		n.w.fault("%s: %v", n.name, err)
	}
}
