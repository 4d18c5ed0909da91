package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"duet/cmd/duet/exit"
	"duet/cmd/duet/inspect"
	"duet/replicate"
	"duet/store"
)

// Order is something that a share can be told to do.
type Order string

// The orders, with their parameters.
const (
	Approve    Order = "approve"     // id: of what waits; none: whatever waits
	Reject     Order = "reject"      // likewise
	Pause      Order = "pause"       //
	Resume     Order = "resume"      //
	AcceptRoot Order = "accept-root" //
	Flush      Order = "flush"       //
	Restore    Order = "restore"     // kept: the id; to: a file outside the share, none: in place
)

var orders = map[Order]func(ctx context.Context, s *replicate.Share, r *http.Request) error{
	Approve: func(ctx context.Context, s *replicate.Share, r *http.Request) error {
		return s.Approve(ctx, r.FormValue("id"))
	},
	Reject: func(ctx context.Context, s *replicate.Share, r *http.Request) error {
		return s.Reject(ctx, r.FormValue("id"))
	},
	Pause:      func(ctx context.Context, s *replicate.Share, _ *http.Request) error { return s.Pause(ctx) },
	Resume:     func(ctx context.Context, s *replicate.Share, _ *http.Request) error { return s.Resume(ctx) },
	AcceptRoot: func(ctx context.Context, s *replicate.Share, _ *http.Request) error { return s.AcceptRoot(ctx) },
	Flush:      func(ctx context.Context, s *replicate.Share, _ *http.Request) error { return s.Flush(ctx) },
	Restore: func(ctx context.Context, s *replicate.Share, r *http.Request) error {
		id, err := strconv.ParseUint(r.FormValue("kept"), 10, 64)
		if err != nil {
			return exit.Errorf(exit.Usage, "kept version %q: not a number", r.FormValue("kept"))
		}
		return s.Restore(ctx, id, r.FormValue("to"))
	},
}

// serve answers on the control socket until the returned function is called,
// which gives requests under way a moment to end.
func (n *Node) serve() (stop func() error) {
	mux := http.NewServeMux()
	answer := func(pattern string, f func(*http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { n.answer(w, r, f) })
	}
	answer("GET /v1/status", func(*http.Request) (any, error) { return n.Status(), nil })
	mux.HandleFunc("POST /v1/plan", upTo(maxAsked, func(w http.ResponseWriter, r *http.Request) { n.answer(w, r, n.plan) }))
	answer("POST /v1/query", n.query)
	answer("GET /v1/copy", n.copy)
	answer("POST /v1/explain", n.explain)
	answer("POST /v1/kept/prune", n.prune)
	answer("POST /v1/kept/restore", n.restoreWindow)
	mux.HandleFunc("POST /v1/diff", lines(n.diff))
	mux.HandleFunc("POST /v1/verify", lines(n.verify))
	mux.HandleFunc("POST /v1/apply", upTo(maxAsked, lines(n.apply)))
	mux.HandleFunc("POST /v1/conflicts/resolve", lines(n.resolve))
	mux.HandleFunc("POST /v1/conflicts/undo", lines(n.takeBack))
	answer("POST /v1/conflicts/sides", n.sides)
	for order, f := range orders {
		answer("POST /v1/"+string(order), func(r *http.Request) (any, error) {
			u, err := n.unit(r.FormValue("share"))
			if err != nil {
				return nil, err
			}
			return struct{}{}, f(r.Context(), u.share, r)
		})
	}
	if n.opt.Pprof {
		profiles(mux)
	}
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(n.socket) }()
	return func() error {
		// The name goes first: from here on nobody takes this daemon for a live one.
		err := through(n.cfg.State, os.Remove)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if srv.Shutdown(ctx) != nil {
			srv.Close() // somebody waits for a flush that will not come
		}
		<-ended
		return err
	}
}

// maxBody bounds a request, but for those that say otherwise with upTo.
const maxBody = 1 << 20

type bounded struct{ io.ReadCloser }

// bound bounds the body of a request that is not bounded yet.
func bound(w http.ResponseWriter, r *http.Request) {
	if _, ok := r.Body.(bounded); !ok {
		r.Body = bounded{http.MaxBytesReader(w, r.Body, maxBody)}
	}
}

// upTo serves requests that may be larger.
func upTo(n int64, f http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = bounded{http.MaxBytesReader(w, r.Body, n)}
		f(w, r)
	}
}

// answer writes what f returns: an error, a stream, or a value as JSON.
func (n *Node) answer(w http.ResponseWriter, r *http.Request, f func(*http.Request) (any, error)) {
	bound(w, r)
	value, err := f(r)
	if err != nil {
		fail(w, err)
		return
	}
	if stream, ok := value.(io.ReadCloser); ok {
		defer stream.Close()
		io.Copy(w, stream) //nolint:errcheck // the asker is gone
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(value) //nolint:errcheck // the asker is gone
}

// fail answers with an error.
func fail(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusConflict)
	json.NewEncoder(w).Encode(failure{err.Error(), exit.Code(err)}) //nolint:errcheck // the asker is gone
}

// query answers from a spool, not from the transaction: a reader that takes
// its time, such as a pager, would keep a read transaction open, and with it
// bbolt from reusing pages and from growing its file.
func (n *Node) query(r *http.Request) (any, error) {
	var q inspect.Query
	u, err := n.asked(r, &q, &q.Share)
	if err != nil {
		return nil, err
	}
	s := &spool{dir: n.cfg.State}
	err = u.share.View(func(tx *store.Tx) error { return inspect.Run(tx, q, n.cfg.Index(q.Share), s) })
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, s.rewind()
}

func (n *Node) copy(r *http.Request) (any, error) {
	u, err := n.unit(r.FormValue("share"))
	if err != nil {
		return nil, err
	}
	s := &spool{dir: n.cfg.State}
	if _, err := u.share.CopyTo(s); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, s.rewind()
}

// spool holds an answer: in memory, or in a nameless file once it is large.
type spool struct {
	dir  string
	mem  bytes.Buffer
	file *os.File
}

const spoolMemory = 4 << 20

func (s *spool) Write(p []byte) (int, error) {
	if s.file == nil && s.mem.Len()+len(p) > spoolMemory {
		f, err := os.CreateTemp(s.dir, ".answer-*")
		if err != nil {
			return 0, err
		}
		s.file = f
		if err := os.Remove(f.Name()); err != nil {
			return 0, err
		}
		if _, err := s.mem.WriteTo(f); err != nil {
			return 0, err
		}
	}
	if s.file != nil {
		return s.file.Write(p)
	}
	return s.mem.Write(p)
}

func (s *spool) rewind() error {
	if s.file == nil {
		return nil
	}
	_, err := s.file.Seek(0, io.SeekStart)
	return err
}

func (s *spool) Read(p []byte) (int, error) {
	if s.file != nil {
		return s.file.Read(p)
	}
	return s.mem.Read(p)
}

func (s *spool) Close() error {
	if s.file != nil {
		return s.file.Close()
	}
	return nil
}

// asked reads a request, and returns the share that it says it is about.
func (n *Node) asked(r *http.Request, request any, share *string) (*unit, error) {
	if err := json.NewDecoder(r.Body).Decode(request); err != nil {
		return nil, exit.With(exit.Usage, fmt.Errorf("read the request: %w", err))
	}
	return n.unit(*share)
}
