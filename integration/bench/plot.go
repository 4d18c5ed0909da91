package main

import (
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// plots draws a work: a dot per tool, or, of what was measured at several
// sizes, time per file against the number of files.
func (r *results) plots(w work, dir string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if w.name == "scale" {
		return r.growth(w, dir)
	}
	var out []string
	for _, k := range r.settings(w.name) {
		if k.files > 0 {
			continue
		}
		name := w.name + ".svg"
		if k.delay > 0 {
			name = fmt.Sprintf("%s-%dms.svg", w.name, k.delay)
		}
		drawn, err := r.dots(w, k, filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		if drawn {
			out = append(out, name)
		}
	}
	return out, nil
}

var ink = color.RGBA{R: 0x2f, G: 0x6f, B: 0x9f, A: 0xff}

// dots draws the time that each tool took, on a logarithmic scale: they lie
// three orders of magnitude apart. It draws nothing for fewer than two.
func (r *results) dots(w work, k key, file string) (drawn bool, err error) {
	of, unit := seconds, "seconds"
	if w.name == "idle" {
		of, unit = func(r result) float64 { return r.CPU / r.Seconds * 100 }, "% of one processor"
	}
	var names []string
	var points plotter.XYs
	least, most := math.Inf(1), 0.0
	for _, tool := range order {
		k.tool = tool
		if v, ok := r.median(k, of); ok {
			points = append(points, plotter.XY{X: float64(len(names)), Y: max(v, 1e-3)})
			names = append(names, tool)
			least, most = min(least, max(v, 1e-3)), max(most, v)
		}
	}
	if len(points) < 2 {
		return false, nil
	}
	p := plot.New()
	p.Title.Text, p.Y.Label.Text = w.titled(k), unit
	dots, err := plotter.NewScatter(points)
	if err != nil {
		return false, err
	}
	dots.Color, dots.Radius, dots.Shape = ink, vg.Points(5), draw.CircleGlyph{}
	p.Add(plotter.NewGrid(), dots)
	p.NominalX(names...)
	p.X.Min, p.X.Max = -0.5, float64(len(names))-0.5
	p.Y.Min, p.Y.Max = least/2, most*2
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	return true, p.Save(6*vg.Inch, 3*vg.Inch, file)
}

// growth draws time per file against the number of files, a line per phase.
func (r *results) growth(w work, dir string) ([]string, error) {
	lines := map[string]plotter.XYs{}
	var phases []string
	for _, k := range r.settings(w.name) {
		k.tool = "duet"
		v, ok := r.median(k, seconds)
		if !ok || k.files == 0 {
			continue
		}
		if lines[k.phase] == nil {
			phases = append(phases, k.phase)
		}
		lines[k.phase] = append(lines[k.phase], plotter.XY{X: float64(k.files), Y: v / float64(k.files) * 1e6})
	}
	if len(phases) == 0 {
		return nil, nil
	}
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = "Growth", "files", "microseconds per file"
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	for i, phase := range phases {
		line, points, err := plotter.NewLinePoints(lines[phase])
		if err != nil {
			return nil, err
		}
		shade := color.RGBA{R: uint8(40 * i), G: 0x6f, B: uint8(0xc0 - 30*i), A: 0xff}
		line.Color, points.Color = shade, shade
		p.Add(line, points)
		p.Legend.Add(phase, line)
	}
	return []string{"growth.svg"}, p.Save(6*vg.Inch, 4*vg.Inch, filepath.Join(dir, "growth.svg"))
}
