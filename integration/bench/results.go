package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"sort"
)

// result is one run of one work by one tool.
type result struct {
	Tool  string `json:"tool"`
	Work  string `json:"work"`
	Delay int    `json:"delay_ms"` // of a round trip
	Files int    `json:"files,omitempty"`
	Phase string `json:"phase,omitempty"`
	used
	Extra map[string]float64 `json:"extra,omitempty"`
	Error string             `json:"error,omitempty"`
	Day   string             `json:"day"`
}

func (r result) key() key { return key{r.Tool, r.Work, r.Delay, r.Files, r.Phase} }

// key tells results of different things from repeats of the same.
type key struct {
	tool, work string
	delay      int
	files      int
	phase      string
}

// results is all that was measured, and with what.
type results struct {
	Machine  string            `json:"machine"`
	Note     string            `json:"note,omitempty"` // what a reader has to know of the circumstances
	Versions map[string]string `json:"versions"`
	Runs     []result          `json:"runs"`
	fresh    map[key]bool      // measured by this process
}

func loadResults(file string) (*results, error) {
	r := &results{Versions: map[string]string{}, fresh: map[key]bool{}}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	return r, json.Unmarshal(data, r)
}

// add keeps a result; the first of its key replaces those of earlier processes.
func (r *results) add(one result) {
	if !r.fresh[one.key()] {
		r.fresh[one.key()] = true
		r.Runs = slices.DeleteFunc(r.Runs, func(o result) bool { return o.key() == one.key() })
	}
	r.Runs = append(r.Runs, one)
}

func (r *results) save(file string) error {
	sort.SliceStable(r.Runs, func(i, j int) bool {
		a, b := r.Runs[i], r.Runs[j]
		switch {
		case workOrder(a.Work) != workOrder(b.Work):
			return workOrder(a.Work) < workOrder(b.Work)
		case a.Delay != b.Delay:
			return a.Delay < b.Delay
		case a.Files != b.Files:
			return a.Files < b.Files
		}
		return toolOrder(a.Tool) < toolOrder(b.Tool)
	})
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644)
}

func workOrder(name string) int {
	return slices.IndexFunc(works, func(w work) bool { return w.name == name })
}

// order is how the tools stand in tables.
var order = []string{"duet", "tar | ssh", "cat | ssh", "rsync", "rsync --fsync", "lsyncd", "unison", "syncthing"}

func toolOrder(name string) int { return slices.Index(order, name) }

// median of what is measured of k; ok is false if nothing is.
func (r *results) median(k key, of func(result) float64) (value float64, ok bool) {
	var all []float64
	for _, run := range r.Runs {
		if run.key() == k && run.Error == "" {
			all = append(all, of(run))
		}
	}
	if len(all) == 0 {
		return 0, false
	}
	slices.Sort(all)
	if n := len(all); n%2 == 0 {
		return (all[n/2-1] + all[n/2]) / 2, true
	}
	return all[len(all)/2], true
}
