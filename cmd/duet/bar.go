package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"duet/replicate/report"
)

// bar is a line of a terminal that says how far the application of a plan is,
// how fast it goes and how long it will take.
type bar struct {
	*progressLine
	name  string
	total int64 // steps; grows if more turns up
	began time.Time
}

func newBar(w io.Writer, name string, sum *report.Sum) *bar {
	b := &bar{progressLine: newProgressLine(w), name: name, began: time.Now()}
	if sum != nil {
		b.total = sum.Steps
	}
	return b
}

func (b *bar) show(st report.Status) { b.write(b.text(st, time.Since(b.began))) }

const barWidth = 24

func (b *bar) text(st report.Status, since time.Duration) string {
	left := st.PendingIn + st.PendingOut
	b.total = max(b.total, left)
	done := b.total - left
	if b.total == 0 {
		return fmt.Sprintf("%s: %s", b.name, st.State)
	}
	full := int(done * barWidth / b.total)
	text := fmt.Sprintf("%s [%s%s] %d%%  %d of %d steps", b.name,
		strings.Repeat("=", full), strings.Repeat(" ", barWidth-full), done*100/b.total, done, b.total)
	if p := st.Progress; p != nil && p.Bytes > 0 {
		text += fmt.Sprintf(", %s, %s/s", sizeText(p.Bytes), sizeText(int64(p.Rate)))
	}
	if done > 0 && left > 0 {
		text += ", " + secondsText(since.Seconds()*float64(left)/float64(done)) + " left"
	}
	if left > 0 && stands(st) {
		text += ", " + string(st.State)
	}
	return text
}
