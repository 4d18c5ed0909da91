package explain

import (
	"fmt"
	"strings"

	"duet/scan"
	"duet/store/index"
)

// Ignored says by which rule a path is left alone.
type Ignored struct {
	By    string `json:"by"`    // name of the node whose rule it is, or "built-in"
	Rule  string `json:"rule"`  // the line, or what the built-in rule is about
	Where string `json:"where"` // the file and line, as far as it is known
	Path  string `json:"path"`  // what the rule names: the path, or a directory above it
}

// ignored finds the rules of both nodes that name the path.
func (a *asking) ignored() error {
	ours, err := scan.ParseRules(a.Ignore)
	if err != nil {
		return fmt.Errorf("read the ignore rules of share %q: %w", a.Share, err)
	}
	lines, err := a.tx.PeerIgnores()
	if err != nil {
		return err
	}
	peer, err := scan.ParseRules(lines)
	if err != nil { // of another version, see replicate/book: it is left out there, too
		lines, peer = nil, nil
	}
	rule, at, ok := a.match(ours)
	if ok {
		out := Ignored{By: a.Self, Rule: rule, Path: at.String()}
		if what, builtIn := strings.CutPrefix(rule, "built-in: "); builtIn {
			out.By, out.Rule, out.Where = "built-in", what, "always, on both nodes"
		} else {
			out.Where = a.writtenAt(rule)
		}
		a.out.Ignored = append(a.out.Ignored, out)
	}
	rule, at, ok = a.match(peer)
	if ok && !strings.HasPrefix(rule, "built-in: ") {
		a.out.Ignored = append(a.out.Ignored, Ignored{
			By: a.Peer, Rule: rule, Path: at.String(), Where: fmt.Sprintf("`ignore` of share %s in the config of %s", a.Share, a.Peer),
		})
	}
	return nil
}

// match returns the rule that names the path, or the topmost directory above it
// that is named.
func (a *asking) match(rules *scan.Rules) (rule string, at index.Path, ok bool) {
	var p index.Path
	names := strings.Split(string(a.path), "/")
	for i, name := range names {
		p, _ = p.Join(name) // a part of a path is one
		dir := i < len(names)-1 || a.isDir()
		if rule, ok := rules.Match(p, dir); ok {
			return rule, p, true
		}
	}
	return "", "", false
}

// isDir reports whether the path is a directory, on disk or on either side.
func (a *asking) isDir() bool {
	if d := a.out.Disk; d.There {
		return d.Kind == index.Dir.String()
	}
	return a.rec != nil && (a.rec.Ours.LiveKind() == index.Dir || a.rec.Theirs.LiveKind() == index.Dir)
}

// writtenAt says where a line of this node's rules is; the last such counts.
func (a *asking) writtenAt(rule string) string {
	for i := len(a.Ignore) - 1; i >= 0; i-- {
		if strings.TrimSpace(a.Ignore[i]) == strings.TrimSpace(rule) && i < len(a.IgnoredAt) {
			return a.IgnoredAt[i]
		}
	}
	return "`ignore` of share " + a.Share
}
