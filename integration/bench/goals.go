package main

import (
	"fmt"
	"strings"
)

// goal is what Duet is to reach in a work; what is zero is not asked for.
type goal struct {
	work    string
	delay   int     // ms of a round trip
	seconds float64 // at most
	extra   string  // and at most limit in this
	limit   float64
	wire    float64 // bytes, at most
	than    string  // at most times what this tool takes; "undelayed": than Duet itself takes without delay
	times   float64
	cpu     float64 // at most this part of one processor
}

var goals = []goal{
	{work: "first", than: "tar | ssh", times: 1.5},
	{work: "first", delay: 40, than: "undelayed", times: 1.3},
	{work: "save", seconds: 0.015, extra: "p95", limit: 0.05},
	{work: "first-save", seconds: 1, extra: "worst", limit: 1},
	{work: "burst", seconds: 1},
	{work: "rename", seconds: 0.5, wire: 0.5e6},
	{work: "delete", seconds: 0.5},
	{work: "outage", seconds: 0.6, extra: "wrong"},
	{work: "restart", seconds: 0.2},
	{work: "big", than: "cat | ssh", times: 1},
	{work: "edit", seconds: 2, wire: 1.2e6},
	{work: "insert", seconds: 2.5, wire: 0.25e6},
	{work: "idle", cpu: 0.0005},
}

// summary is a table of the goals, and whether they are reached.
func (r *results) summary() string {
	var b strings.Builder
	b.WriteString("\n## What Duet is to reach\n\nThe goals are of a quiet machine of two cores like this one; what is missed, and why, is in " +
		"[performance.md](performance.md#the-works).\n\n| work | Duet | goal | reached | the best of the others |\n|---|---|---|---|---|\n")
	for _, g := range goals {
		k := key{tool: "duet", work: g.work, delay: g.delay}
		took, ok := r.median(k, seconds)
		if !ok {
			continue
		}
		w, _ := workNamed(g.work)
		title := w.titled(k)
		if g.delay > 0 {
			title += fmt.Sprintf(", round trip %d ms", g.delay)
		}
		is, want, reached := r.hold(g, k, took)
		verdict := "yes"
		if !reached {
			verdict = "**no**"
		}
		best := r.best(k)
		if w.name == "idle" {
			best = ""
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", title, strings.Join(is, ", "), strings.Join(want, ", "), verdict, best)
	}
	return b.String()
}

// hold holds what was measured against a goal: in words, and whether it is reached.
func (r *results) hold(g goal, k key, took float64) (is, want []string, reached bool) {
	reached = true
	check := func(value, most float64, text func(float64) string) {
		is, want = append(is, text(value)), append(want, text(most))
		reached = reached && value <= most
	}
	of := func(f func(result) float64) float64 { v, _ := r.median(k, f); return v }
	switch {
	case g.seconds > 0:
		check(took, g.seconds, timeText)
	case g.cpu > 0:
		check(of(func(r result) float64 { return r.CPU })/took*100, g.cpu*100, func(v float64) string { return fmt.Sprintf("%.2f %% of one processor", v) })
	case g.than != "":
		other := k
		if other.tool = g.than; g.than == "undelayed" {
			other.tool, other.delay = "duet", 0
		}
		limit, ok := r.median(other, seconds)
		is, want = append(is, timeText(took)), append(want, fmt.Sprintf("%.1f × %s = %s", g.times, strings.ReplaceAll(g.than, "|", "\\|"), timeText(limit*g.times)))
		reached = ok && took <= limit*g.times
	}
	if g.extra != "" {
		value := of(func(r result) float64 { return r.Extra[g.extra] })
		if g.limit > 0 {
			check(value, g.limit, func(v float64) string { return g.extra + " " + timeText(v) })
		} else {
			check(value, 0, func(v float64) string { return fmt.Sprintf("%.0f %s", v, g.extra) })
		}
	}
	if g.wire > 0 {
		check(of(func(r result) float64 { return float64(r.Wire) }), g.wire, bytesText)
	}
	return is, want, reached
}

// best is the fastest of the other tools in a work.
func (r *results) best(k key) string {
	var name string
	var least float64
	for _, tool := range order[1:] {
		k.tool = tool
		if v, ok := r.median(k, seconds); ok && (name == "" || v < least) {
			name, least = tool, v
		}
	}
	if name == "" {
		return ""
	}
	return fmt.Sprintf("%s %s", strings.ReplaceAll(name, "|", "\\|"), timeText(least))
}
