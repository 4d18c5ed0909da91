package main

import (
	"fmt"
	"slices"
	"strings"
)

// growthTable is the scale works: a line per work and size.
func (r *results) growthTable(w work) string {
	all := r.settings(w.name)
	if len(all) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, `
## %s: many small files

Files of 200 to 500 bytes in directories of a hundred, Duet alone. CPU is that of both hosts, memory the anonymous memory of
the daemon that needed more, at its peak. The index is measured as it lies on the disk when the first sync is done,
with what is free in it. A scan has to take no more than twice the CPU of `+"`find -printf '%%s %%T@'`"+` over the same tree.

| work | files | time | a file | CPU | on the wire | daemon's memory | |
|---|---|---|---|---|---|---|---|
`, strings.ToUpper(w.title[:1])+w.title[1:])
	var phases []string
	for _, k := range all {
		if !slices.Contains(phases, k.phase) {
			phases = append(phases, k.phase)
		}
	}
	for _, phase := range phases {
		for _, k := range all {
			if k.tool = "duet"; k.phase == phase {
				b.WriteString(r.growthLine(k))
			}
		}
	}
	return b.String()
}

func (r *results) growthLine(k key) string {
	took, ok := r.median(k, seconds)
	if !ok {
		run := r.first(k)
		failed, _, _ := strings.Cut(run.Error, "\n")
		return fmt.Sprintf("| %s | %s | – | – | %.2f s | %s | %s | %s |\n", k.phase, thousands(k.files), run.CPU, bytesText(float64(run.Wire)),
			bytesText(float64(run.Largest)), strings.ReplaceAll(failed, "|", "\\|"))
	}
	of := func(f func(result) float64) float64 { v, _ := r.median(k, f); return v }
	cpu := of(func(r result) float64 { return r.CPU })
	more := r.remarks(k)
	if find := of(func(r result) float64 { return r.Extra["find"] }); find > 0 {
		more += fmt.Sprintf(", so %.1f times that", cpu/find)
	}
	return fmt.Sprintf("| %s | %s | %s | %.1f µs | %.2f s | %s | %s | %s |\n", k.phase, thousands(k.files), timeText(took), took/float64(k.files)*1e6, cpu,
		bytesText(of(func(r result) float64 { return float64(r.Wire) })), bytesText(of(func(r result) float64 { return float64(r.Largest) })), more)
}
