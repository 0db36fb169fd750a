package storage_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	. "github.com/notifypush/notifypush/storage"
	"github.com/notifypush/notifypush/storage/storagetest"
)

// Two ways to log in that MariaDB does not have: a MySQL that asks for the password as it is, and
// one that has the password's hash not in its cache and so asks for it, too.
func TestMySQLLogins(t *testing.T) {
	authority := storagetest.NewAuthority(t)
	for _, test := range []struct {
		name, plugin, mode string
		err                error
	}{
		{"cleartext over TLS", "mysql_clear_password", TLSVerifyFull, nil},
		{"cleartext over unverified TLS", "mysql_clear_password", TLSRequire, nil},
		{"cleartext over TLS by chance", "mysql_clear_password", TLSPrefer, mysql.ErrCleartextPassword},
		{"cleartext without TLS", "mysql_clear_password", TLSDisable, mysql.ErrCleartextPassword},
		{"caching_sha2 over TLS", "caching_sha2_password", TLSVerifyFull, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := newFakeMySQL(t, authority, test.plugin)
			m := openMounts(t, DatabaseOptions{
				Driver: MySQL, Host: "127.0.0.1", Port: server.port, User: "user", Password: EveryCharacter,
				TLS: DatabaseTLS{Mode: test.mode, CA: authority.CA},
			})
			err := m.Ping(t.Context())
			require.NoError(t, m.Close())
			if test.err != nil {
				require.ErrorIs(t, err, test.err)
				require.Empty(t, <-server.password)
				return
			}
			require.NoError(t, err)
			require.Equal(t, EveryCharacter, <-server.password)
		})
	}
}

// fakeMySQL lets one client log in and answers what it asks with OK.
// https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html
type fakeMySQL struct {
	plugin   string
	port     uint16
	tls      *tls.Config
	password chan string // as it was sent, in the end

	conn     net.Conn
	sequence byte
}

func newFakeMySQL(t *testing.T, authority *storagetest.Authority, plugin string) *fakeMySQL {
	t.Helper()
	cert, key := authority.Issue("mysql", "127.0.0.1")
	pair, err := tls.LoadX509KeyPair(cert, key)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	s := &fakeMySQL{
		plugin:   plugin,
		port:     uint16(listener.Addr().(*net.TCPAddr).Port),
		tls:      &tls.Config{Certificates: []tls.Certificate{pair}},
		password: make(chan string, 1),
	}
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		s.conn = conn
		password, _ := s.logIn()
		for password != "" {
			if _, err := s.read(); err != nil {
				break
			}
			s.write(okPacket)
		}
		s.password <- password
	}()
	return s
}

const (
	okPacket       = "\x00\x00\x00\x02\x00\x00\x00"
	switchPlugin   = "\xfe"
	fullLogin      = "\x01\x04"
	capabilityTLS  = 0x08 // in the second byte
	longPassword   = "\x00"
	capabilities   = "\x08\xaa" // with a database, protocol 4.1, TLS, transactions, secure connection
	capabilities2  = "\x08\x00" // plugins
	challengeStart = "12345678"
	challengeEnd   = "123456789012\x00"
)

func (s *fakeMySQL) logIn() (password string, err error) {
	s.write("\x0a8.0.0\x00" + "\x01\x00\x00\x00" + challengeStart + longPassword + capabilities + "\x2d\x02\x00" +
		capabilities2 + "\x15" + strings.Repeat("\x00", 10) + challengeEnd + s.plugin + "\x00")
	reply, err := s.read()
	if err != nil {
		return "", err
	}
	if reply[1]&capabilityTLS != 0 {
		conn := tls.Server(s.conn, s.tls)
		if err := conn.Handshake(); err != nil {
			return "", err
		}
		s.conn = conn
		if _, err := s.read(); err != nil {
			return "", err
		}
	}
	if s.plugin == "caching_sha2_password" {
		s.write(fullLogin)
	} else {
		s.write(switchPlugin + s.plugin + "\x00" + challengeStart + challengeEnd)
	}
	reply, err = s.read()
	if err != nil {
		return "", err
	}
	password, terminated := strings.CutSuffix(string(reply), "\x00")
	if !terminated {
		return "", errors.New("not a password")
	}
	s.write(okPacket)
	return password, nil
}

func (s *fakeMySQL) read() ([]byte, error) {
	header := make([]byte, 4)
	if _, err := io.ReadFull(s.conn, header); err != nil {
		return nil, err
	}
	s.sequence = header[3] + 1
	payload := make([]byte, int(header[0])|int(header[1])<<8)
	_, err := io.ReadFull(s.conn, payload)
	return payload, err
}

func (s *fakeMySQL) write(payload string) {
	_, _ = s.conn.Write(append([]byte{byte(len(payload)), byte(len(payload) >> 8), 0, s.sequence}, payload...))
	s.sequence++
}
