package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

const (
	// silenceLimit is three heartbeats of the server.
	silenceLimit = 90 * time.Second
	// maxMessage leaves room for what apps send in custom messages. Memory is taken only for what comes.
	maxMessage = 16 << 20
)

// Conn is a connection that is logged in. One goroutine calls Read, and keeps calling it: that is also what answers the
// server's heartbeat. Close may be called from any. After an error the connection is closed and stays so.
type Conn struct {
	ws       *websocket.Conn
	endpoint string

	// Started by the first word from the server, and by each further one again.
	silence *time.Timer
	silent  atomic.Bool
}

// Dial finds the push server, connects to it and logs in. ctx bounds all of this, and not the life of the connection.
//
// Its errors, wrapped: [ErrNoPush], [*UnsafeEndpointError], [ErrInvalidCredentials], [ErrUnknownToken], [ErrAuthMessage], [ErrAuthTimeout],
// [ErrLimitExceeded], [*NextcloudError], [*StatusError], and those of the network and of TLS.
func Dial(ctx context.Context, opts Options) (*Conn, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	opts, err := opts.withCredentials(ctx)
	if err != nil {
		return nil, err
	}
	endpoints, err := findEndpoints(ctx, opts)
	if err != nil {
		return nil, err
	}
	return dial(ctx, opts, endpoints)
}

func findEndpoints(ctx context.Context, opts Options) (Endpoints, error) {
	if opts.Endpoint != "" && !opts.PreAuth {
		return Endpoints{Websocket: opts.Endpoint}, nil
	}
	capability, err := Discover(ctx, opts)
	if err != nil {
		return Endpoints{}, err
	}
	endpoints := capability.Endpoints
	endpoints.Websocket = cmp.Or(opts.Endpoint, endpoints.Websocket)
	return endpoints, nil
}

func dial(ctx context.Context, opts Options, endpoints Endpoints) (*Conn, error) {
	user, secret, err := credentials(ctx, opts, endpoints)
	if err != nil {
		return nil, err
	}
	c, err := open(ctx, opts, endpoints.Websocket)
	if err != nil {
		return nil, err
	}
	err = c.login(ctx, user, secret, opts.FileIDs)
	if opts.PreAuth && errors.Is(err, ErrInvalidCredentials) {
		err = ErrUnknownToken
	}
	if err != nil {
		c.abandon()
		return nil, fmt.Errorf("log in at the push server %s: %w", c.endpoint, err)
	}
	return c, nil
}

// credentials are what the client sends as user name and password. A token goes without a name.
func credentials(ctx context.Context, opts Options, endpoints Endpoints) (user, secret string, err error) {
	switch {
	case opts.Token != "":
		return "", opts.Token, nil
	case opts.PreAuth:
		token, err := fetchToken(ctx, opts, endpoints.PreAuth)
		return "", token, err
	default:
		return opts.User, opts.Password, nil
	}
}

func open(ctx context.Context, opts Options, endpoint string) (*Conn, error) {
	address, err := url.Parse(endpoint)
	if err != nil {
		return nil, fmt.Errorf("address of the push server: %w", err)
	}
	c := &Conn{endpoint: address.Redacted()}
	// Browsers and desktop clients do not follow redirects of a websocket.
	httpClient := *opts.httpClient()
	httpClient.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	ws, response, err := websocket.Dial(ctx, endpoint, &websocket.DialOptions{ //nolint:bodyclose // the library closes it
		HTTPClient: &httpClient,
		OnPingReceived: func(context.Context, []byte) bool {
			c.silence.Reset(silenceLimit)
			return true
		},
	})
	if err != nil && response != nil && response.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(response.Body)
		return nil, newStatusError(RequestWebsocket, c.endpoint, response, body)
	}
	if err != nil {
		return nil, fmt.Errorf("connect to the push server at %s: %w", c.endpoint, cause(err))
	}

	ws.SetReadLimit(maxMessage)
	c.ws = ws
	c.silence = time.AfterFunc(silenceLimit, func() {
		c.silent.Store(true)
		_ = ws.CloseNow()
	})
	// Not yet: a server may say nothing at all while Nextcloud takes its time over the login.
	c.silence.Stop()
	return c, nil
}

// cause leaves out the words that the layers of an HTTP request put before what went wrong.
func cause(err error) error {
	if inRequest, ok := errors.AsType[*url.Error](err); ok {
		return inRequest.Err
	}
	return err
}

func (c *Conn) login(ctx context.Context, user, secret string, fileIDs bool) error {
	for _, text := range []string{user, secret} {
		if user+secret == "" {
			break
		}
		if err := c.send(ctx, text); err != nil {
			return err
		}
	}
	answer, err := c.receive(ctx)
	if err != nil {
		return err
	}
	if err := ParseLogin(answer); err != nil {
		return err
	}
	if fileIDs {
		return c.send(ctx, listenFileIDs)
	}
	return nil
}

// Read waits for the next push. The end of ctx closes the connection. When the server closed it, [CloseCode] of the
// error tells the code; a connection that has been silent for 90 s is closed with [ErrSilent]. A server that counts a
// user's connections only after the login may still answer with [ErrLimitExceeded] here.
func (c *Conn) Read(ctx context.Context) (Push, error) {
	text, err := c.receive(ctx)
	if err == nil && text == limitExceeded {
		err = ErrLimitExceeded
	}
	if err != nil {
		c.abandon()
		return Push{}, fmt.Errorf("read from the push server at %s: %w", c.endpoint, err)
	}
	push := ParsePush(text)
	push.At = time.Now()
	return push, nil
}

// Close sends a close frame and waits for the server's, at most ten seconds.
func (c *Conn) Close() error {
	defer c.silence.Stop()
	return c.ws.Close(websocket.StatusNormalClosure, "")
}

// abandon closes the connection without a close frame.
func (c *Conn) abandon() {
	_ = c.ws.CloseNow()
	c.silence.Stop()
}

func (c *Conn) send(ctx context.Context, text string) error {
	return c.ws.Write(ctx, websocket.MessageText, []byte(text))
}

func (c *Conn) receive(ctx context.Context) (string, error) {
	kind, message, err := c.ws.Read(ctx)
	switch {
	case err != nil && c.silent.Load():
		return "", ErrSilent
	case err != nil:
		return "", err
	case kind != websocket.MessageText:
		return "", errors.New("a binary message, which no push server sends")
	}
	c.silence.Reset(silenceLimit)
	return string(message), nil
}
