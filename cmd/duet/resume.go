package main

import (
	"github.com/spf13/cobra"

	"duet/cmd/duet/node"
)

func (a *app) resumeCmd() *cobra.Command {
	return a.orderCmd(node.Resume, "End a pause", "End a pause of a share, or of all.", "  duet resume images", "resumed")
}
