package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

func writeReport(r *results, dir string) error { return nil }

// machine says what it was measured on.
func machine() string {
	model := "unknown processor"
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "model name"); ok {
			model = strings.TrimSpace(strings.TrimLeft(rest, " \t:"))
			break
		}
	}
	version, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("%d cores of %s, Linux %s", runtime.NumCPU(), model, strings.TrimSpace(string(version)))
}

func bytesText(n float64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.2f GB", n/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", n/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", n/1e3)
	}
	return fmt.Sprintf("%.0f B", n)
}

func extraText(extra map[string]float64) string {
	var b strings.Builder
	for _, k := range []string{"p95", "n", "writing", "wrong", "outcomes"} {
		if v, ok := extra[k]; ok {
			fmt.Fprintf(&b, "%s %.3g ", k, v)
		}
	}
	return b.String()
}
