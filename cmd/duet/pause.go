package main

import (
	"github.com/spf13/cobra"

	"duet/cmd/duet/node"
)

func (a *app) pauseCmd() *cobra.Command {
	return a.orderCmd(node.Pause, "Stop writing to a share until it is resumed",
		"Stop writing to a share, or to all, until 'duet resume', also across restarts. Changes\nhere are still noticed, and still told to the peer.",
		"  duet pause images", "paused, until: duet resume")
}
