package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"syscall"

	"duet/cmd/duet/exit"
	"duet/cmd/duet/inspect"
)

// Client talks to the running daemon of a state directory.
type Client struct {
	dir  string
	http *http.Client
}

// ErrNotRunning says that no daemon answers.
var ErrNotRunning = errors.New("duet is not running")

// Dial finds the daemon of a state directory; ErrNotRunning if there is none.
func Dial(dir string) (*Client, error) {
	conn, err := dial(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTDIR):
		return nil, exit.With(exit.Halted, fmt.Errorf("%w on the state directory %s: start it with 'duet run', or name another with --state", ErrNotRunning, dir))
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("connect to the daemon of %s: %w: only the user that runs it, and root, may", dir, err)
	case err != nil:
		return nil, fmt.Errorf("connect to the daemon of %s: %w", dir, err)
	}
	conn.Close()
	c := &Client{dir: dir}
	c.http = &http.Client{Transport: &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return dial(dir) },
	}}
	return c, nil
}

// failure is how an error crosses the socket.
type failure struct {
	Error string `json:"error"`
	Code  int    `json:"code"`
}

func (c *Client) do(ctx context.Context, method, path string, params url.Values, body any) (*http.Response, error) {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	u := url.URL{Scheme: "http", Host: "duet", Path: path, RawQuery: params.Encode()}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, exit.With(exit.Halted, fmt.Errorf("%w any more on the state directory %s: %w", ErrNotRunning, c.dir, err))
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	var f failure
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&f); err != nil || f.Error == "" {
		return nil, fmt.Errorf("the daemon answered %s: is it another version of duet?", resp.Status)
	}
	return nil, exit.With(f.Code, errors.New(f.Error))
}

func (c *Client) get(ctx context.Context, path string, params url.Values, into any) error {
	resp, err := c.do(ctx, http.MethodGet, path, params, nil)
	return read(resp, err, into)
}

// post sends a request and reads the answer.
func (c *Client) post(ctx context.Context, path string, q, into any) error {
	resp, err := c.do(ctx, http.MethodPost, path, nil, q)
	return read(resp, err, into)
}

func read(resp *http.Response, err error, into any) error {
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return fmt.Errorf("read the daemon's answer: %w", err)
	}
	return nil
}

// Status is what the node says of itself.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	var s Status
	return &s, c.get(ctx, "/v1/status", nil, &s)
}

// Query has the daemon answer q; the caller closes the answer, JSON lines.
func (c *Client) Query(ctx context.Context, q inspect.Query) (io.ReadCloser, error) {
	resp, err := c.do(ctx, http.MethodPost, "/v1/query", nil, q)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// Copy is a clean copy of a share's index; the caller closes it.
func (c *Client) Copy(ctx context.Context, share string) (io.ReadCloser, error) {
	resp, err := c.do(ctx, http.MethodGet, "/v1/copy", url.Values{"share": {share}}, nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// Order has a share do something: see Orders.
func (c *Client) Order(ctx context.Context, order Order, share string, params url.Values) error {
	all := url.Values{"share": {share}}
	for k, v := range params {
		all[k] = v
	}
	resp, err := c.do(ctx, http.MethodPost, "/v1/"+string(order), all, nil)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
