package storage

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

const (
	// pingInterval is part of the contract with Nextcloud.
	pingInterval = 15 * time.Second
	// silenceLimit and lastChance together leave an unanswered PING less than 20 s after the last
	// sign of life.
	silenceLimit = 19 * time.Second
	lastChance   = 500 * time.Millisecond
)

// Receive subscribes to channels and hands on what arrives, as actors.EventSource wants it. Only
// Redis's own confirmation of each channel counts as a subscription. In a cluster, one node carries
// the subscription: the one that has fewest.
//
// The names of channels are heard as they are and with the prefix that ChannelPrefixes describes.
func (r *Redis) Receive(ctx context.Context, channels []string, subscribed func(), message func(channel string, payload []byte)) error {
	return r.ReceiveWithPrefix(ctx, channels, subscribed, func(_, channel string, payload []byte) { message(channel, payload) })
}

// ReceiveWithPrefix is Receive, and says of each message with which of ChannelPrefixes it came.
func (r *Redis) ReceiveWithPrefix(ctx context.Context, channels []string, subscribed func(), message func(prefix, channel string, payload []byte)) error {
	var used *client
	var s *subscription
	err := attempt(ctx, r.reload, r, func(c *client) (err error) {
		used = c
		s, err = c.subscribe(ctx, channels)
		return err
	})
	if err != nil {
		return err
	}
	subscribed()
	staying, end := context.WithCancelCause(ctx)
	defer end(nil)
	defer context.AfterFunc(used.moved, func() { end(context.Cause(used.moved)) })()
	err = s.run(staying, message)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	used.demote(s.node)
	return fmt.Errorf("the subscription to Redis at %s is lost: %w", s.node, err)
}

func (c *client) subscribe(ctx context.Context, channels []string) (*subscription, error) {
	var failures []error
	for _, n := range c.subscribable(ctx, c.options.ChannelPrefix+channels[0]) {
		subscription, err := c.subscribeAt(ctx, n, channels)
		if err == nil {
			return subscription, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		c.demote(n)
		failures = append(failures, err)
	}
	return nil, errors.Join(failures...)
}

func (c *client) subscribeAt(ctx context.Context, n node, channels []string) (*subscription, error) {
	line := &lifeline{}
	conn, err := c.connect(ctx, n, line.attach, 0)
	if err != nil {
		return nil, err
	}
	s := &subscription{node: n, line: line, conn: redis.PubSubConn{Conn: conn}}
	ctx, cancel := context.WithTimeout(ctx, c.options.ReadTimeout)
	defer cancel()
	err = refuseSentinel(ctx, conn) // which would confirm the subscription, and carry no event
	if err == nil {
		err = s.confirmAllowed(ctx, channels, c.prefixes())
	}
	if err != nil {
		_ = conn.Close()
		return nil, failed(StepSubscribe, n, err)
	}
	c.mu.Lock()
	c.heard = s.prefixes
	c.mu.Unlock()
	return s, nil
}

// subscription is a connection that is subscribed. One goroutine reads from it, and a timer sends a PING every pingInterval; whatever
// ends one ends the other. It is run once, and closed when run returns.
type subscription struct {
	// set once
	node node
	line *lifeline
	conn redis.PubSubConn

	// set before run
	prefixes []string                   // with which channels are subscribed
	channels map[string]prefixedChannel // those, by what Redis calls them
}

// prefixedChannel is the name of a channel in two parts.
type prefixedChannel struct{ prefix, name string }

// confirmAllowed subscribes with all prefixes, and where an ACL forbids that with the first of them that it allows.
// Redis refuses a SUBSCRIBE as a whole.
func (s *subscription) confirmAllowed(ctx context.Context, channels, prefixes []string) error {
	s.prefixes = prefixes
	err := s.confirm(ctx, channels)
	if len(prefixes) == 1 || !isPermission(err) {
		return err
	}
	for _, prefix := range prefixes {
		s.prefixes = []string{prefix}
		if again := s.confirm(ctx, channels); !isPermission(again) {
			return again
		}
	}
	return err
}

func (s *subscription) confirm(ctx context.Context, channels []string) error {
	names := redis.Args{}
	s.channels = map[string]prefixedChannel{}
	for _, prefix := range s.prefixes {
		for _, name := range channels {
			names = names.Add(prefix + name)
			s.channels[prefix+name] = prefixedChannel{prefix, name}
		}
	}
	if err := s.conn.Subscribe(names...); err != nil {
		return err
	}
	for range names {
		switch reply := s.conn.ReceiveContext(ctx).(type) {
		case redis.Subscription:
		case error:
			return reply
		default:
			return fmt.Errorf("Redis answered with %T", reply)
		}
	}
	return nil
}

// run returns when ctx ends or the connection does.
func (s *subscription) run(ctx context.Context, message func(prefix, channel string, payload []byte)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer context.AfterFunc(ctx, func() { _ = s.line.Close() })()
	stop := s.ping(cancel)
	cancel(s.deliver(message))
	stop()
	_ = s.conn.Close()
	return context.Cause(ctx)
}

// ping sends a PING every pingInterval, until one fails or stop is called, which waits for the last one.
func (s *subscription) ping(failed func(error)) (stop func()) {
	var mu sync.Mutex // held while a PING is sent
	var timer *time.Timer
	stopped := false
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(pingInterval, func() {
		mu.Lock()
		defer mu.Unlock()
		if stopped {
			return
		}
		if err := s.conn.Ping(""); err != nil {
			failed(fmt.Errorf("send a PING: %w", err))
			return
		}
		timer.Reset(pingInterval)
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		timer.Stop()
	}
}

// deliver takes replies as they are: redis.PubSubConn would copy the kind and the channel of each message, and allocate another one.
func (s *subscription) deliver(message func(prefix, channel string, payload []byte)) error {
	for {
		reply, err := redis.Values(s.conn.Conn.Receive())
		if err != nil {
			return err
		}
		switch kind := string(part(reply, 0)); kind {
		case "message":
			name, payload := part(reply, 1), part(reply, 2)
			if name == nil || payload == nil {
				return fmt.Errorf("Redis sent a message of %d parts without a channel or a payload", len(reply))
			}
			prefix, channel := s.split(name)
			message(prefix, channel, payload)
		case "pong":
		case "subscribe", "unsubscribe":
			return fmt.Errorf("Redis said %s of %.40q", kind, part(reply, 1))
		default:
			return fmt.Errorf("Redis sent an array of %d parts that is no message", len(reply))
		}
	}
}

// part returns a part of a reply that is a text; nil where there is none.
func part(reply []any, i int) (text []byte) {
	if i < len(reply) {
		text, _ = reply[i].([]byte)
	}
	return text
}

// split returns the prefix of a channel that is subscribed, and its name behind that.
func (s *subscription) split(name []byte) (prefix, channel string) {
	if heard, subscribed := s.channels[string(name)]; subscribed {
		return heard.prefix, heard.name
	}
	return "", string(name)
}

// lifeline is a connection that must show a sign of life every so often.
type lifeline struct{ net.Conn }

func (l *lifeline) attach(conn net.Conn) net.Conn {
	l.Conn = conn
	return l
}

func (l *lifeline) Read(p []byte) (int, error) {
	n, err := l.readWithin(silenceLimit, p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		// When the process itself was stopped, time is over although bytes have arrived.
		n, err = l.readWithin(lastChance, p)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return n, fmt.Errorf("no answer to PING: %w", err)
	}
	return n, err
}

func (l *lifeline) readWithin(limit time.Duration, p []byte) (int, error) {
	if err := l.Conn.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return 0, err
	}
	return l.Conn.Read(p)
}

// SetReadDeadline does nothing: redigo would take the limit away before each reply.
func (l *lifeline) SetReadDeadline(time.Time) error { return nil }
