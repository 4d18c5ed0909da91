package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

const intro = `# Benchmarks

Written by ` + "`go run ./integration/bench`" + ` from ` + "`integration/bench/results.json`" + `; ` + "`-report`" + ` writes it again without measuring. Do not edit.

Two network namespaces joined by a veth pair, real files on one disk, Debian's real sshd. Each tool runs with the settings that
people use for the same purpose: lsyncd as two daemons with ` + "`delay = 1`" + ` and ` + "`rsync --update --temp-dir`" + `, unison on one host with
` + "`-repeat`" + `, syncthing with a watcher delay of one second, Duet with its defaults. Clocks start when the work starts, and end when the
other host has all of it; then both trees are compared byte by byte. Duet verifies hashes and fsyncs before it acknowledges;
the pipes, lsyncd and unison do not, and rsync only with ` + "`--fsync`" + `, file by file. Both "hosts" share the machine's processors and its disk.

Bytes on the wire are those of the interfaces, both ways, so that SSH, TCP and acknowledgements count. CPU is that of all processes of
both hosts, sshd too. Memory is the peak of one host: all its processes, of which sshd's listener is about 8 MB resident.
`

// writeReport writes benchmarks.md and its plots into dir.
func writeReport(r *results, dir string) error {
	var b strings.Builder
	b.WriteString(intro)
	fmt.Fprintf(&b, "\nMeasured on %s. %s\n", r.Machine, r.Note)
	for _, tool := range order {
		if v := r.Versions[tool]; v != "" {
			fmt.Fprintf(&b, "\n* %s: %s", tool, strings.ReplaceAll(v, "|", "\\|"))
		}
	}
	b.WriteString("\n" + r.summary())
	for _, w := range works {
		if w.name == "scale" {
			b.WriteString(r.growthTable(w))
		}
		for _, k := range r.settings(w.name) {
			if w.name == "scale" {
				break
			}
			b.WriteString(r.table(w, k))
		}
		plots, err := r.plots(w, filepath.Join(dir, "benchmarks"))
		if err != nil {
			return err
		}
		for _, name := range plots {
			fmt.Fprintf(&b, "\n![%s](benchmarks/%s)\n", w.titled(key{}), name)
		}
	}
	return os.WriteFile(filepath.Join(dir, "benchmarks.md"), []byte(b.String()), 0o644)
}

// settings are the delays and sizes in which a work was measured.
func (r *results) settings(work string) []key {
	var out []key
	for _, run := range r.Runs {
		k := key{work: work, delay: run.Delay, files: run.Files, phase: run.Phase}
		if run.Work == work && !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

// table is one work in one setting: a line per tool, medians.
func (r *results) table(w work, k key) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n## %s", w.titled(k))
	if k.phase != "" {
		fmt.Fprintf(&b, ": %s", k.phase)
	}
	if k.files > 0 && !strings.Contains(w.title, "%s") {
		fmt.Fprintf(&b, ", %s files", thousands(k.files))
	}
	if k.delay > 0 {
		fmt.Fprintf(&b, ", round trip %d ms", k.delay)
	}
	b.WriteString("\n\n| tool | time | against Duet | on the wire | CPU | resident | anonymous | runs | |\n|---|---|---|---|---|---|---|---|---|\n")
	k.tool = "duet"
	duet, _ := r.median(k, seconds)
	for _, tool := range order {
		k.tool = tool
		if line := r.line(w, k, duet); line != "" {
			b.WriteString(line)
		}
	}
	return b.String()
}

func seconds(r result) float64 { return r.Seconds }

func (r *results) line(w work, k key, duet float64) string {
	tool := strings.ReplaceAll(k.tool, "|", "\\|")
	n, failed := 0, ""
	for _, run := range r.Runs {
		if run.key() == k {
			n++
			if run.Error != "" {
				failed, _, _ = strings.Cut(run.Error, "\n")
			}
		}
	}
	took, ok := r.median(k, seconds)
	if n == 0 {
		return ""
	}
	if !ok {
		return fmt.Sprintf("| %s | – | – | – | – | – | – | %d | %s |\n", tool, n, strings.ReplaceAll(failed, "|", "\\|"))
	}
	of := func(f func(result) float64) float64 { v, _ := r.median(k, f); return v }
	wire, cpu := of(func(r result) float64 { return float64(r.Wire) }), of(func(r result) float64 { return r.CPU })
	ratio, more := "", r.remarks(k)
	if duet > 0 {
		ratio = fmt.Sprintf("%.2f", took/duet)
	}
	if w.name == "idle" {
		ratio = ""
		more = fmt.Sprintf("%.2f %% of one processor, %.0f bytes a second %s", cpu/took*100, wire/took, more)
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %.2f s | %s | %s | %d | %s |\n", tool, timeText(took), ratio, bytesText(wire), cpu,
		bytesText(of(func(r result) float64 { return float64(r.Resident) })), bytesText(of(func(r result) float64 { return float64(r.Anon) })), n, more)
}

// remarks are what only some works have.
func (r *results) remarks(k key) string {
	var out []string
	for _, x := range []struct{ name, format string }{
		{"p95", "95 %% within %s"}, {"worst", "the slowest %s"}, {"whole", "all files %s"}, {"writing", "of which writing the files %s"}, {"wrong", "%.0f wrong outcomes"}, {"outcomes", "of %.0f"},
		{"index", "index %.0f bytes a path"}, {"find", "find takes %s of CPU"},
	} {
		v, ok := r.median(k, func(run result) float64 { return run.Extra[x.name] })
		if _, has := r.first(k).Extra[x.name]; !ok || !has {
			continue
		}
		if strings.Contains(x.format, "%s") {
			out = append(out, fmt.Sprintf(x.format, timeText(v)))
		} else {
			out = append(out, fmt.Sprintf(x.format, v))
		}
	}
	return strings.Join(out, " ")
}

func (r *results) first(k key) result {
	for _, run := range r.Runs {
		if run.key() == k {
			return run
		}
	}
	return result{}
}

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

func timeText(seconds float64) string {
	if seconds < 1 {
		return fmt.Sprintf("%.0f ms", seconds*1000)
	}
	return fmt.Sprintf("%.2f s", seconds)
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
	for _, k := range slices.Sorted(maps.Keys(extra)) {
		fmt.Fprintf(&b, "%s %.3g ", k, extra[k])
	}
	return b.String()
}
