package main

import (
	"github.com/spf13/cobra"

	"duet/cmd/duet/exit"
	"duet/cmd/duet/inspect"
)

func (a *app) indexDumpCmd() *cobra.Command {
	in := &inspection{q: inspect.Query{Kind: inspect.Dump}}
	format := "jsonl"
	cmd := &cobra.Command{
		Use:   "dump [GLOB|DIR]",
		Short: "Print all that the index holds, as JSON lines or CSV",
		Long: `Print all that the index holds, in one consistent view, as JSON lines. Each has the
keys "type" (meta, record, event, intent, kept or conflict), "share", and one named as
its type says. A GLOB or DIR selects among the records.

With --format csv a table of one type: records, unless --type says event, kept or
conflict. The first line has the names of the columns.`,
		Example: "  duet index dump --share images | jq 'select(.type == \"record\")'\n" +
			"  duet index dump --type event --format csv > journal.csv",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completePaths(""),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch format {
			case "csv":
				in.style.CSV = true
				if a.json {
					return exit.Errorf(exit.Usage, "--json and --format csv exclude each other: leave one out")
				}
				if in.q.Type == "" {
					in.q.Type = "record"
				}
				if in.q.Type == "meta" || in.q.Type == "intent" {
					return exit.Errorf(exit.Usage, "there is no table of type %s: leave out --format csv", in.q.Type)
				}
			case "jsonl":
			default:
				return exit.Errorf(exit.Usage, "format %q is not known: write jsonl or csv", format)
			}
			_, err := a.print(cmd.Context(), in, first(args))
			return err
		},
	}
	in.flags(a, cmd)
	cmd.Flags().StringVar(&format, "format", format, "jsonl or csv")
	cmd.Flags().StringVar(&in.q.Type, "type", "", "only this `type` of row: meta, record, event, intent, kept, conflict")
	fixed(cmd, "format", "jsonl", "csv")
	fixed(cmd, "type", inspect.Types()...)
	return cmd
}
