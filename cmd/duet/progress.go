package main

import (
	"fmt"
	"io"

	"duet/replicate/report"
)

// progressLine is one line of a terminal that says how far things are. On
// anything else it says nothing.
type progressLine struct {
	w     io.Writer
	shown bool
}

func newProgressLine(w io.Writer) *progressLine {
	if !terminal(w) {
		w = nil
	}
	return &progressLine{w: w}
}

func (l *progressLine) show(name string, st report.Status) {
	if l.w == nil {
		return
	}
	text := fmt.Sprintf("%s: %s", name, st.State)
	if st.Progress != nil {
		text = fmt.Sprintf("%s: %s", name, progressText(st.Progress))
	} else if st.PendingIn+st.PendingOut > 0 {
		text += fmt.Sprintf(", %d to do here, %d on the peer", st.PendingIn, st.PendingOut)
	}
	l.write(text)
}

// write shows a line in place of the last.
func (l *progressLine) write(text string) {
	if l.w == nil {
		return
	}
	fmt.Fprintf(l.w, "\r%s\x1b[K", text)
	l.shown = true
}

func (l *progressLine) end() {
	if l.shown {
		fmt.Fprint(l.w, "\r\x1b[K")
		l.shown = false
	}
}
