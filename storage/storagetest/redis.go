//go:build unix

package storagetest

import (
	"errors"
	"net"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/gomodule/redigo/redis"
)

// RedisServer is a real redis-server that listens on a TCP port, a TLS port and a unix socket.
type RedisServer struct {
	*Process

	Port, TLSPort int
	Socket        string
	// Authority has signed the certificate of the TLS port, which is good for 127.0.0.1 and
	// localhost. The server asks clients for a certificate of it, too, but takes those without.
	Authority *Authority
}

// Redis starts a Redis server. args are further options of redis-server, such as
// "--requirepass", "secret" or "--tls-auth-clients", "yes".
func Redis(t testing.TB, args ...string) *RedisServer {
	t.Helper()
	return redisOf(t, NewAuthority(t), args...)
}

func redisOf(t testing.TB, authority *Authority, args ...string) *RedisServer {
	t.Helper()
	dir := Dir(t)
	s := &RedisServer{
		Port:      FreePort(t),
		TLSPort:   FreePort(t),
		Socket:    filepath.Join(dir, "redis.sock"),
		Authority: authority,
	}
	cert, key := authority.Issue("server", "127.0.0.1", "localhost")
	s.Process = &Process{
		t:         t,
		path:      Program(t, "redis-server"),
		terminate: syscall.SIGTERM,
		ready:     s.answers,
		args: append([]string{
			"--bind", "127.0.0.1", "--dir", dir, "--save", "",
			"--port", strconv.Itoa(s.Port), "--unixsocket", s.Socket,
			"--tls-port", strconv.Itoa(s.TLSPort), "--tls-auth-clients", "optional",
			"--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", authority.CA,
		}, args...),
	}
	s.begin()
	return s
}

// answers treats a server that wants a password, or a client certificate, as one that answers.
func (s *RedisServer) answers() error {
	conn, err := redis.Dial("unix", s.Socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Do("PING")
	if refusal := redis.Error(""); errors.As(err, &refusal) {
		return nil
	}
	return err
}

// Addr is the address of the TCP port, as host:port.
func (s *RedisServer) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }

// URL is the address of the TCP port, as redis://host:port.
func (s *RedisServer) URL() string { return "redis://" + s.Addr() }

// TLSURL is the address of the TLS port, as rediss://host:port.
func (s *RedisServer) TLSURL() string {
	return "rediss://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(s.TLSPort))
}

// SocketURL is the address of the unix socket, as unix:///path.
func (s *RedisServer) SocketURL() string { return "unix://" + s.Socket }

// Do sends a command over the unix socket as the default user, with the password if there is one,
// and fails the test when Redis refuses it.
func (s *RedisServer) Do(password, command string, args ...any) any {
	s.t.Helper()
	conn, err := redis.Dial("unix", s.Socket, redis.DialPassword(password))
	if err != nil {
		s.t.Fatalf("connect to Redis: %v", err)
	}
	defer conn.Close()
	reply, err := conn.Do(command, args...)
	if err != nil {
		s.t.Fatalf("%s: %v", command, err)
	}
	return reply
}
