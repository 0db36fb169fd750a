package client

import (
	"context"
	"errors"
	"net/http"
	"time"
)

const (
	// attemptLimit bounds one attempt to connect and log in. It is long because a server that has thousands of logins
	// to check makes each wait for its turn, and a client that gives up early only joins the queue again.
	attemptLimit = 2 * time.Minute
	// stableAfter is how long a connection must last for earlier failures to be forgotten.
	stableAfter = time.Minute
)

// Run connects, logs in and calls handle for each push, one at a time, until ctx ends. A connection that is lost or
// refused is tried again after a [Backoff], and after the time that the server asks for in Retry-After. Only what cannot
// get better ends Run early: [ErrInvalidCredentials], and options that make no sense.
//
// While handle runs nothing is read, and the server's heartbeat waits: hand over what takes longer than a few seconds.
//
// Nextcloud is asked for its push server once, and again when nothing answers as a push server there.
func Run(ctx context.Context, opts Options, handle func(Push)) error {
	if err := opts.validate(); err != nil {
		return err
	}
	r := runner{opts: opts, handle: handle}
	defer r.enter(StateStopped)
	for {
		r.enter(StateConnecting)
		err := r.session(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if errors.Is(err, ErrInvalidCredentials) && !r.mayGetOthers() {
			return err
		}
		if err := r.wait(ctx, err); err != nil {
			return err
		}
	}
}

// runner is what Run remembers from one connection to the next.
type runner struct {
	opts      Options
	handle    func(Push)
	endpoints Endpoints
	backoff   Backoff
	used      [2]string // user and password of the last attempt
	refused   [2]string // the last that were; Options.Credentials has others, perhaps
}

func (r *runner) enter(state State) {
	if r.opts.OnState != nil {
		r.opts.OnState(state)
	}
}

// mayGetOthers notes that the credentials of the last attempt were refused, and reports whether there may be others.
func (r *runner) mayGetOthers() bool {
	again := r.opts.Credentials == nil || r.used == r.refused
	r.refused = r.used
	return !again
}

// session is the life of one connection; it always ends with an error.
func (r *runner) session(ctx context.Context) error {
	conn, err := r.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.abandon()
	defer closeWhenDone(ctx, conn)()

	since := time.Now()
	r.enter(StateConnected)
	if r.opts.OnConnect != nil {
		r.opts.OnConnect()
	}
	err = r.read(ctx, conn)
	if time.Since(since) >= stableAfter {
		r.backoff.Reset()
	}
	return err
}

// closeWhenDone sends a close frame when ctx ends. The caller calls what it returns when it no longer reads.
func closeWhenDone(ctx context.Context, conn *Conn) (release func()) {
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		_ = conn.Close()
	})
	return func() {
		if !stop() {
			<-closed
		}
	}
}

func (r *runner) read(ctx context.Context, conn *Conn) error {
	for {
		// A context that ends would cut the connection before the close frame.
		push, err := conn.Read(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.handle(push)
	}
}

func (r *runner) connect(ctx context.Context) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()

	opts, err := r.opts.withCredentials(ctx)
	if err != nil {
		return nil, err
	}
	r.used = [2]string{opts.User, opts.Password}
	if r.endpoints.Websocket == "" {
		endpoints, err := findEndpoints(ctx, opts)
		if err != nil {
			return nil, err
		}
		r.endpoints = endpoints
	}
	conn, err := dial(ctx, opts, r.endpoints)
	if err != nil && mayHaveMoved(err) {
		r.endpoints = Endpoints{}
	}
	return conn, err
}

// mayHaveMoved reports whether a failed attempt leaves it open that the push server is elsewhere now. It is not when
// the server itself refused the login, or a proxy says that it is only away: then asking Nextcloud again, by every
// client at once, would be a load with no gain.
func mayHaveMoved(err error) bool {
	if status, ok := errors.AsType[*StatusError](err); ok {
		return status.Status < http.StatusInternalServerError && status.Status != http.StatusTooManyRequests
	}
	byServer := errors.As(err, new(*NextcloudError)) || errors.Is(err, ErrLimitExceeded) || errors.Is(err, ErrAuthTimeout) || errors.Is(err, ErrUnknownToken)
	return !byServer
}

// wait lets the time pass that is due before the next attempt. It fails when ctx ends.
func (r *runner) wait(ctx context.Context, reason error) error {
	delay := r.backoff.Next()
	if status, ok := errors.AsType[*StatusError](reason); ok {
		delay += status.RetryAfter
	}
	if r.opts.OnDisconnect != nil {
		r.opts.OnDisconnect(reason, delay)
	}
	r.enter(StateWaiting)
	select {
	case <-time.After(delay):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
