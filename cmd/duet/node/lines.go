package node

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"duet/cmd/duet/exit"
)

// Lines is an answer that goes out as it is made, one row of JSON a line. An
// error after the first row is a row, too, the last one.
type Lines struct {
	w       http.ResponseWriter
	out     *bufio.Writer
	enc     *json.Encoder
	flushed time.Time
}

// flushEvery is how long a row may wait for more of them.
const flushEvery = 50 * time.Millisecond

// broken is how an error crosses the socket when rows have gone before.
type broken struct {
	Failed failure `json:"failed"`
}

// Row sends v, soon.
func (l *Lines) Row(v any) error {
	if l.enc == nil {
		l.w.Header().Set("Content-Type", "application/x-ndjson")
		l.out = bufio.NewWriterSize(l.w, 64<<10)
		l.enc = json.NewEncoder(l.out)
		l.enc.SetEscapeHTML(false)
	}
	if err := l.enc.Encode(v); err != nil {
		return err
	}
	if now := time.Now(); now.Sub(l.flushed) >= flushEvery {
		l.flushed = now
		return l.flush()
	}
	return nil
}

func (l *Lines) flush() error {
	return errors.Join(l.out.Flush(), http.NewResponseController(l.w).Flush())
}

// lines serves an answer of f's. Whoever reads it may take their time: nothing
// is held for them but f's own stack.
func lines(f func(*http.Request, *Lines) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		bound(w, r)
		out := &Lines{w: w}
		err := f(r, out)
		switch {
		case err != nil && out.enc == nil:
			fail(w, err)
			return
		case err != nil:
			err = out.enc.Encode(broken{failure{err.Error(), exit.Code(err)}})
		}
		if err == nil && out.enc != nil {
			_ = out.flush() // the asker is gone
		}
	}
}

// rows sends a request and calls f with each row of the answer.
func (c *Client) rows(ctx context.Context, path string, q any, f func(line []byte) error) error {
	resp, err := c.do(ctx, http.MethodPost, path, nil, q)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	in := bufio.NewReaderSize(resp.Body, 64<<10)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return nil
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return errors.New("the daemon ended before its answer did: ask again")
		case bytes.HasPrefix(line, []byte(`{"failed":`)):
			var b broken
			if err := json.Unmarshal(line, &b); err != nil {
				return fmt.Errorf("read the daemon's answer: %w", err)
			}
			return exit.With(b.Failed.Code, errors.New(b.Failed.Error))
		}
		if err := f(line); err != nil {
			return err
		}
	}
}
