package storage

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/gomodule/redigo/redis"
)

// The steps at which connecting to Redis can fail, in their order. The Step of a RedisError is one
// of them, or the command that failed on a good connection.
const (
	StepDial      = "dial"
	StepTLS       = "TLS"
	StepAuth      = "AUTH"
	StepSelect    = "SELECT"
	StepSubscribe = "SUBSCRIBE"
)

// RedisError says at which step, where and why Redis could not be used.
type RedisError struct {
	Step    string
	Address string
	Err     error
}

func failed(step string, n node, err error) *RedisError {
	return &RedisError{step, n.String(), err}
}

func (e *RedisError) Error() string {
	text := fmt.Sprintf("Redis at %s: %s failed: %v", e.Address, e.Step, withoutSource(e.Err))
	if advice := e.advice(); advice != "" {
		text += " (" + advice + ")"
	}
	return text
}

// withoutSource leaves out the address of our side: its port is another one each time, and the same
// failure would look like a new one.
func withoutSource(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Source != nil {
		return fmt.Errorf("%s: %w", op.Op, op.Err)
	}
	return err
}

func (e *RedisError) Unwrap() error { return e.Err }

func (e *RedisError) advice() string {
	var notTLS tls.RecordHeaderError
	reply := e.Err.Error()
	switch {
	case trustAdvice(e.Err) != "":
		return trustAdvice(e.Err)
	case errors.As(e.Err, &notTLS), e.Step == StepTLS && errors.Is(e.Err, context.DeadlineExceeded):
		return "does this port speak TLS?"
	case e.Step == StepTLS && (hungUp(e.Err) || strings.Contains(reply, "remote error")):
		return "does Redis want a client certificate, and of which authority?"
	case strings.HasPrefix(reply, "NOAUTH"), strings.Contains(reply, "unauthenticated"):
		return "this Redis wants a password"
	case strings.HasPrefix(reply, "WRONGPASS"):
		return "check user and password"
	case strings.HasPrefix(reply, "NOPERM") && e.Step == StepSubscribe:
		return "allow the user the channels, as with ACL SETUSER … &notify_*"
	case hungUp(e.Err) && strings.HasPrefix(e.Address, "redis://"):
		return "does this port want TLS?"
	case e.Step == StepDial:
		return "is Redis running, and is this its address?"
	}
	return ""
}

func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// connect dials a node and logs in, within the DialTimeout. wrap may put something around the
// network connection.
func (r *Redis) connect(ctx context.Context, n node, wrap func(net.Conn) net.Conn, readTimeout time.Duration) (redis.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, r.options.DialTimeout)
	defer cancel()
	netConn, err := (&net.Dialer{}).DialContext(ctx, n.network, n.address)
	if err != nil {
		return nil, failed(StepDial, n, err)
	}
	if wrap != nil {
		netConn = wrap(netConn)
	}
	if n.tls {
		if netConn, err = r.encrypt(ctx, n, netConn); err != nil {
			return nil, failed(StepTLS, n, err)
		}
	}
	conn := redis.NewConn(&replyGuard{Conn: netConn}, readTimeout, r.options.ReadTimeout)
	if n.tls {
		if err := confirmTLS(ctx, conn); err != nil {
			conn.Close()
			return nil, failed(StepTLS, n, err)
		}
	}
	if err := r.logIn(ctx, n, conn); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func (r *Redis) encrypt(ctx context.Context, n node, plain net.Conn) (net.Conn, error) {
	options := r.options.TLS
	host := options.ServerName
	if host == "" {
		host, _, _ = net.SplitHostPort(n.address)
	}
	config, err := trust{
		caFile:     options.CA,
		caFolder:   options.CAPath,
		chain:      !options.SkipVerifyPeer,
		name:       !options.SkipVerifyName,
		selfSigned: options.AllowSelfSigned,
	}.config(host, clientCertificate{options.Cert, options.Key, options.Passphrase.Reveal()})
	if err != nil {
		plain.Close()
		return nil, err
	}
	conn := tls.Client(plain, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		plain.Close()
		return nil, err
	}
	return conn, nil
}

// confirmTLS waits for any reply: a server of TLS 1.3 refuses a client's certificate only after the
// handshake.
func confirmTLS(ctx context.Context, conn redis.Conn) error {
	_, err := redis.DoContext(conn, ctx, "PING")
	if reply := redis.Error(""); errors.As(err, &reply) {
		return nil
	}
	return err
}

func (r *Redis) logIn(ctx context.Context, n node, conn redis.Conn) error {
	if err := r.authenticate(ctx, conn); err != nil {
		return failed(StepAuth, n, err)
	}
	if r.options.Cluster {
		r.learnNodes(ctx, n, conn)
		return nil
	}
	if r.options.Database != 0 {
		if _, err := redis.DoContext(conn, ctx, "SELECT", r.options.Database); err != nil {
			return failed(StepSelect, n, err)
		}
	}
	return nil
}

func (r *Redis) authenticate(ctx context.Context, conn redis.Conn) error {
	if r.options.Password == "" {
		return nil
	}
	args := []any{r.options.Password.Reveal()}
	if r.options.User != "" {
		args = []any{r.options.User, r.options.Password.Reveal()}
	}
	_, err := redis.DoContext(conn, ctx, "AUTH", args...)
	if err != nil && wantsNoPassword(err) {
		return nil
	}
	return err
}

// wantsNoPassword recognises how Redis says that a password was sent to it and it has none. PHP
// takes no notice either, so Nextcloud works with such a configuration.
func wantsNoPassword(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply) && (strings.Contains(string(reply), "without any password configured") ||
		strings.Contains(string(reply), "no password is set"))
}
