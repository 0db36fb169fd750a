package storage

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/notifypush/notifypush/internal/nonblock"
	"github.com/notifypush/notifypush/storage/internal/dial"
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
	if reply := replyOf(err); reply != "" {
		// Redis repeats the arguments of a command that it does not know: the password of AUTH is one.
		text, _, _ := strings.Cut(reply, ", with args beginning with")
		err = redis.Error(text)
	}
	return &RedisError{step, n.String(), err}
}

// replyOf returns the error that Redis itself replied with; empty when err is none of those.
func replyOf(err error) string {
	reply, _ := errors.AsType[redis.Error](err)
	return string(reply)
}

// Error says all that Cause and Advice say.
func (e *RedisError) Error() string {
	if advice := e.Advice(); advice != "" {
		return e.Cause() + " (" + advice + ")"
	}
	return e.Cause()
}

// Cause says what failed, where and why.
func (e *RedisError) Cause() string {
	return fmt.Sprintf("Redis at %s: %s failed: %v", e.Address, e.Step, withoutSource(e.Err))
}

func (e *RedisError) Unwrap() error { return e.Err }

// withoutSource leaves out the address of our side: its port is another one each time, and the same
// failure would look like a new one.
func withoutSource(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Source != nil {
		if errors.As(op.Err, new(*os.SyscallError)) {
			return op.Err // which names the call
		}
		return fmt.Errorf("%s: %w", op.Op, op.Err)
	}
	return err
}

var (
	errNotRedis  = errors.New("unexpected reply: is this really a Redis server?")
	errWebServer = errors.New("unexpected reply: this is a web server, not Redis")
	errTLSAlert  = errors.New("unexpected reply: this is TLS")
	errSentinel  = errors.New("this is a Sentinel, not a Redis server")
)

// Advice says what to do about the failure; empty where nothing is known to help.
func (e *RedisError) Advice() string {
	reply := e.Err.Error()
	switch {
	case dial.TrustAdvice(e.Err) != "":
		return dial.TrustAdvice(e.Err) + ": see ssl_context of redis in config.php (cafile), or --redis-tls-ca"
	case errors.As(e.Err, new(tls.RecordHeaderError)), e.Step == StepTLS && errors.Is(e.Err, context.DeadlineExceeded):
		return "does this port speak TLS?"
	case e.Step == StepTLS && (hungUp(e.Err) || strings.Contains(reply, "remote error")):
		return "does Redis want a client certificate (local_cert of ssl_context, --redis-tls-cert), and of which authority? It also ends connections like this beyond maxclients"
	case wantsPassword(reply):
		return "this Redis wants a password: " + givePassword
	case refusesPassword(reply):
		return "check user and password: " + givePassword
	case e.IsPermission() && e.Step == StepSelect:
		return "allow the user SELECT, or leave dbindex of redis out: ACL SETUSER <user> +select"
	case e.IsPermission() && e.Step == StepSubscribe:
		return "allow the user the command and the channels: ACL SETUSER <user> +subscribe +ping &notify_*, and for an app that puts dbindex before the channels, such as 3, &3_notify_*"
	case e.IsPermission():
		return KeysAdvice
	case strings.Contains(reply, "max number of clients"):
		return "Redis is full: raise maxclients in redis.conf, and its limit of open files, or end other clients"
	case strings.HasPrefix(reply, "DENIED"):
		return "Redis is in protected mode: give it a password (requirepass), or let it listen to its own machine alone (bind)"
	case errors.Is(e.Err, errSentinel):
		return "give the address of the Redis server itself, usually at port 6379"
	case isUnknownCommand(reply):
		return fmt.Sprintf("%s is renamed or disabled in this Redis: take rename-command out of redis.conf, or use another Redis for push (notify_push_redis)", e.Step)
	case errors.Is(e.Err, errWebServer), errors.Is(e.Err, errNotRedis):
		return "correct the port: Redis usually has 6379"
	case errors.Is(e.Err, errTLSAlert):
		return "does this port want TLS?"
	case hungUp(e.Err) && strings.HasPrefix(e.Address, "redis://"):
		return "is it Redis that listens there, and does this port want TLS?"
	case e.Step == StepDial:
		return redisSocket.dialAdvice(e.Err)
	case e.Step == StepSelect:
		return "dbindex of redis in config.php must be a database that this Redis has and the user may use"
	}
	return ""
}

const givePassword = "give redis in config.php, or the file that REDIS_PASSWORD_FILE names, the password that this Redis knows, and with ACLs the user" //nolint:gosec // G101: advice, no password

// KeysAdvice is how a user of an ACL may use the self test's keys.
const KeysAdvice = "allow the user the command and the keys: ACL SETUSER <user> +get +set +del ~test-token ~notify_push_*"

// IsPermission reports whether the user of an ACL may not do this.
func (e *RedisError) IsPermission() bool { return isPermission(e.Err) }

func isPermission(err error) bool { return strings.HasPrefix(replyOf(err), "NOPERM") }

// wantsPassword recognises what Redis says to commands without a login: to short ones, and to those of
// more than ten words.
func wantsPassword(reply string) bool {
	return strings.HasPrefix(reply, "NOAUTH") || strings.Contains(reply, "unauthenticated")
}

// refusesPassword recognises what Redis says to a wrong one, since version 6 and before.
func refusesPassword(reply string) bool {
	return strings.HasPrefix(reply, "WRONGPASS") || strings.HasPrefix(reply, "ERR invalid password")
}

func isUnknownCommand(reply string) bool {
	return strings.HasPrefix(strings.ToLower(reply), "err unknown command")
}

func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// refuseSentinel asks who answers. Every ACL allows HELLO, and what does not know it is not a Sentinel that
// anybody still runs. Two refusals meet every command, and would be the end of the connection.
func refuseSentinel(ctx context.Context, conn redis.Conn) error {
	answer, err := redis.DoContext(conn, ctx, "HELLO")
	reply := replyOf(err)
	switch {
	case strings.HasPrefix(reply, "DENIED"), strings.Contains(reply, "max number of clients"):
		return err
	case reply != "":
		return nil
	case err != nil:
		return err
	}
	pairs, _ := redis.Values(answer, nil)
	for i := 0; i+1 < len(pairs); i += 2 {
		key, _ := redis.String(pairs[i], nil)
		value, _ := redis.String(pairs[i+1], nil)
		if key == "mode" && value == "sentinel" {
			return errSentinel
		}
	}
	return nil
}

// explained names a Sentinel when that is why a command is not known.
func explained(ctx context.Context, conn redis.Conn, err error) error {
	if isUnknownCommand(replyOf(err)) {
		if sentinel := refuseSentinel(ctx, conn); errors.Is(sentinel, errSentinel) {
			return sentinel
		}
	}
	return err
}

// connect dials a node and logs in, within the DialTimeout. wrap may put something around the
// network connection.
func (c *client) connect(ctx context.Context, n node, wrap func(net.Conn) net.Conn, readTimeout time.Duration) (redis.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.DialTimeout)
	defer cancel()
	netConn, err := (&net.Dialer{}).DialContext(ctx, n.network, n.address)
	if err != nil {
		return nil, failed(StepDial, n, err)
	}
	netConn = nonblock.Wrap(netConn)
	if wrap != nil {
		netConn = wrap(netConn)
	}
	if n.tls {
		if netConn, err = c.encrypt(ctx, n, netConn); err != nil {
			return nil, failed(StepTLS, n, err)
		}
	}
	conn := redis.NewConn(&replyGuard{Conn: netConn}, readTimeout, c.options.ReadTimeout)
	if n.tls {
		if err := confirmTLS(ctx, conn); err != nil {
			_ = conn.Close()
			return nil, failed(StepTLS, n, err)
		}
	}
	if err := c.logIn(ctx, n, conn); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

func (c *client) encrypt(ctx context.Context, n node, plain net.Conn) (net.Conn, error) {
	options := c.options.TLS
	host, _, _ := net.SplitHostPort(n.address)
	config, err := dial.Trust{
		CAFile:     options.CA,
		CAFolder:   options.CAPath,
		Chain:      !options.SkipVerifyPeer,
		Name:       !options.SkipVerifyName,
		SelfSigned: options.AllowSelfSigned,
	}.Config(cmp.Or(options.ServerName, host), dial.ClientCertificate{Cert: options.Cert, Key: options.Key, Passphrase: options.Passphrase.Reveal()})
	if err != nil {
		_ = plain.Close()
		return nil, err
	}
	conn := tls.Client(plain, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = plain.Close()
		return nil, err
	}
	return conn, nil
}

// confirmTLS waits for any reply: a server of TLS 1.3 refuses a client's certificate only after the
// handshake.
func confirmTLS(ctx context.Context, conn redis.Conn) error {
	_, err := redis.DoContext(conn, ctx, "PING")
	if replyOf(err) != "" {
		return nil
	}
	return err
}

func (c *client) logIn(ctx context.Context, n node, conn redis.Conn) error {
	if err := c.authenticate(ctx, conn); err != nil {
		return failed(StepAuth, n, err)
	}
	if c.options.Cluster {
		c.learnNodes(ctx, n, conn)
		return nil
	}
	if c.options.Database != 0 {
		if _, err := redis.DoContext(conn, ctx, "SELECT", c.options.Database); err != nil {
			return failed(StepSelect, n, explained(ctx, conn, err))
		}
	}
	return nil
}

func (c *client) authenticate(ctx context.Context, conn redis.Conn) error {
	if c.options.Password == "" {
		return nil
	}
	args := []any{c.options.Password.Reveal()}
	if c.options.User != "" {
		args = []any{c.options.User, c.options.Password.Reveal()}
	}
	_, err := redis.DoContext(conn, ctx, "AUTH", args...)
	if wantsNoPassword(replyOf(err)) {
		return nil
	}
	return err
}

// wantsNoPassword recognises how Redis says that a password was sent to it and it has none. PHP
// takes no notice either, so Nextcloud works with such a configuration.
func wantsNoPassword(reply string) bool {
	return strings.Contains(reply, "without any password configured") || strings.Contains(reply, "no password is set")
}
