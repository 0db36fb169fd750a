package storage

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/youmark/pkcs8"

	"github.com/notifypush/notifypush/storage/storagetest"
)

func newRedis(t testing.TB, options RedisOptions) *Redis {
	t.Helper()
	r, err := NewRedis(options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func TestKeys(t *testing.T) {
	server := storagetest.Redis(t)
	r := newRedis(t, RedisOptions{Addresses: []string{server.URL()}})

	_, found, err := r.Get(t.Context(), "key")
	require.NoError(t, err)
	require.False(t, found)

	require.NoError(t, r.Set(t.Context(), "key", "", 0))
	value, found, err := r.Get(t.Context(), "key")
	require.NoError(t, err)
	require.True(t, found, "an empty value is a value")
	require.Empty(t, value)
	require.EqualValues(t, -1, server.Do("", "PTTL", "key"), "no ttl: never expires")

	require.NoError(t, r.Set(t.Context(), "key", "value", time.Minute))
	require.InDelta(t, time.Minute.Milliseconds(), server.Do("", "PTTL", "key"), 30_000)
	require.NoError(t, r.Set(t.Context(), "key", "value", time.Nanosecond), "a ttl below Redis's unit")

	require.NoError(t, r.Set(t.Context(), "key", "value", 0))
	require.NoError(t, r.Delete(t.Context(), "key"))
	require.NoError(t, r.Delete(t.Context(), "key"), "deleting nothing is no error")
	_, found, err = r.Get(t.Context(), "key")
	require.NoError(t, err)
	require.False(t, found)
}

// A connection that nobody wants is closed after a while, and made again.
func TestUnusedConnectionsAreClosed(t *testing.T) {
	server := storagetest.Redis(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRedis(t, RedisOptions{Addresses: []string{server.URL()}})
		connections := func() int { return strings.Count(fmt.Sprintf("%s", server.Do("", "CLIENT", "LIST")), "id=") - 1 }
		for range 3 {
			for range 5 {
				require.NoError(t, r.Set(t.Context(), "key", "value", 0))
				time.Sleep(idleTime - time.Second)
				require.Equal(t, 1, connections(), "it is kept for the next command")
			}
			time.Sleep(2 * time.Second)
			require.Zero(t, connections())
		}
	})
}

func TestKeysAfterRedisRestarted(t *testing.T) {
	server := storagetest.Redis(t)
	r := newRedis(t, RedisOptions{Addresses: []string{server.URL()}})
	require.NoError(t, r.Set(t.Context(), "key", "value", 0))
	server.Kill()
	_, _, err := r.Get(t.Context(), "key")
	requireStep(t, StepDial, err)
	require.ErrorContains(t, err, server.URL())
	server.Start()
	_, found, err := r.Get(t.Context(), "key")
	require.NoError(t, err)
	require.False(t, found)
}

// TestKeysAfterFailover has the name of a Redis lead to another one, while the old one stays as its
// replica and keeps its connections.
func TestKeysAfterFailover(t *testing.T) {
	before, after := storagetest.Redis(t), storagetest.Redis(t)
	var target atomic.Pointer[storagetest.RedisServer]
	target.Store(before)
	name := listen(t, func(client net.Conn) { pipe(client, target.Load().Addr()) })
	r := newRedis(t, RedisOptions{Addresses: []string{"redis://" + name.String()}})
	require.NoError(t, r.Set(t.Context(), "key", "before", 0))

	host, port, _ := net.SplitHostPort(after.Addr())
	before.Do("", "REPLICAOF", host, port)
	target.Store(after)
	require.NoError(t, r.Set(t.Context(), "key", "after", 0))
	require.EqualValues(t, "after", after.Do("", "GET", "key"))
}

func TestKeysOfRedisThatHangs(t *testing.T) {
	server := storagetest.Redis(t)
	r := newRedis(t, RedisOptions{Addresses: []string{server.URL()}, ReadTimeout: 50 * time.Millisecond})
	server.Pause()
	_, _, err := r.Get(t.Context(), "key")
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

func TestDatabaseIndex(t *testing.T) {
	server := storagetest.Redis(t)
	r := newRedis(t, RedisOptions{Addresses: []string{server.SocketURL()}, Database: 3})
	require.NoError(t, r.Set(t.Context(), "key", "value", 0))
	require.EqualValues(t, 0, server.Do("", "EXISTS", "key"))
	other := newRedis(t, RedisOptions{Addresses: []string{server.URL()}, Database: 3})
	value, _, err := other.Get(t.Context(), "key")
	require.NoError(t, err)
	require.Equal(t, "value", value)
}

func TestPasswords(t *testing.T) {
	t.Run("every character", func(t *testing.T) {
		server := storagetest.Redis(t, "--requirepass", "first")
		server.Do("first", "CONFIG", "SET", "requirepass", everyCharacter)
		r := newRedis(t, RedisOptions{Addresses: []string{server.URL()}, Password: everyCharacter})
		require.NoError(t, r.Set(t.Context(), "key", "value", 0))
	})
	t.Run("user", func(t *testing.T) {
		server := storagetest.Redis(t, "--requirepass", "first")
		server.Do("first", "ACL", "SETUSER", "next@cloud", "on", ">"+everyCharacter, "~*", "&*", "+@all")
		r := newRedis(t, RedisOptions{Addresses: []string{server.URL()}, User: "next@cloud", Password: everyCharacter})
		require.NoError(t, r.Set(t.Context(), "key", "value", 0))
	})
	t.Run("user without password is not sent", func(t *testing.T) {
		server := storagetest.Redis(t)
		r := newRedis(t, RedisOptions{Addresses: []string{server.URL()}, User: "nobody"})
		require.NoError(t, r.Set(t.Context(), "key", "value", 0))
	})
	t.Run("password that Redis does not want", func(t *testing.T) {
		server := storagetest.Redis(t)
		r := newRedis(t, RedisOptions{Addresses: []string{server.URL()}, Password: "superfluous"})
		require.NoError(t, r.Set(t.Context(), "key", "value", 0))
	})
}

// Each line of ssl_context in Nextcloud's configuration, good and bad.
func TestRedisTLS(t *testing.T) {
	server := storagetest.Redis(t)
	strict := storagetest.Redis(t, "--tls-auth-clients", "yes")
	cert, key := strict.Authority.Issue("client")
	selfCert, selfKey := strict.Authority.SelfSigned("self", "127.0.0.1")
	selfSigned := storagetest.Redis(t, "--tls-cert-file", selfCert, "--tls-key-file", selfKey)
	onlyCert, onlyKey := strict.Authority.Issue("127.0.0.1")
	commonName := storagetest.Redis(t, "--tls-cert-file", onlyCert, "--tls-key-file", onlyKey)
	otherCert, otherKey := strict.Authority.Issue("other.example", "other.example")
	otherName := storagetest.Redis(t, "--tls-cert-file", otherCert, "--tls-key-file", otherKey)
	ca := strict.Authority.CA
	encryptedKey := encryptPKCS8(t, key, "open sesame")
	legacyKey := encryptLegacy(t, key, "open sesame")
	both := concatenate(t, cert, key)
	require.NoError(t, os.Symlink("/nowhere", filepath.Join(filepath.Dir(server.Authority.CA), "00.0")))

	for _, test := range []struct {
		name   string
		server *storagetest.RedisServer
		tls    RedisTLS
		err    string
	}{
		{"CA", server, RedisTLS{CA: server.Authority.CA}, ""},
		{"CA folder", server, RedisTLS{CAPath: filepath.Dir(server.Authority.CA)}, ""},
		{"system's authorities", server, RedisTLS{}, "unknown authority"},
		{"another CA", server, RedisTLS{CA: ca}, "give the authority that signed the server's certificate"},
		{"no such CA", server, RedisTLS{CA: "/nowhere/ca.pem"}, "/nowhere/ca.pem"},
		{"CA that is none", server, RedisTLS{CA: "/etc/passwd"}, "no certificate in PEM form in /etc/passwd"},
		{"empty CA folder", server, RedisTLS{CAPath: t.TempDir()}, "no certificate in PEM form"},
		{"verify_peer false", otherName, RedisTLS{SkipVerifyPeer: true, SkipVerifyName: true}, ""},
		{"verify_peer false alone still verifies the name", otherName, RedisTLS{SkipVerifyPeer: true}, "connect by a name that the certificate has"},
		{"another name", otherName, RedisTLS{CA: ca}, "connect by a name that the certificate has"},
		{"peer_name", otherName, RedisTLS{CA: ca, ServerName: "other.example"}, ""},
		{"verify_peer_name false", otherName, RedisTLS{CA: ca, SkipVerifyName: true}, ""},
		{"common name only", commonName, RedisTLS{CA: ca}, ""},
		{"self-signed", selfSigned, RedisTLS{CA: ca}, "unknown authority"},
		{"allow_self_signed", selfSigned, RedisTLS{AllowSelfSigned: true}, ""},
		{"allow_self_signed is for the leaf", server, RedisTLS{AllowSelfSigned: true}, "unknown authority"},
		{"client certificate", strict, RedisTLS{CA: ca, Cert: cert, Key: key}, ""},
		{"client certificate and key in one file", strict, RedisTLS{CA: ca, Cert: both}, ""},
		{"encrypted key", strict, RedisTLS{CA: ca, Cert: cert, Key: encryptedKey, Passphrase: "open sesame"}, ""},
		{"encrypted key, traditional", strict, RedisTLS{CA: ca, Cert: cert, Key: legacyKey, Passphrase: "open sesame"}, ""},
		{"wrong passphrase", strict, RedisTLS{CA: ca, Cert: cert, Key: encryptedKey, Passphrase: "sesame"}, "the passphrase does not open it"},
		{"wrong passphrase, traditional", strict, RedisTLS{CA: ca, Cert: cert, Key: legacyKey, Passphrase: "sesame"}, "the passphrase does not open it"},
		{"no client certificate", strict, RedisTLS{CA: ca}, "does Redis want a client certificate"},
		{"client certificate of another authority", strict, RedisTLS{CA: ca, Cert: selfCert, Key: selfKey}, "does Redis want a client certificate"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRedis(t, RedisOptions{Addresses: []string{test.server.TLSURL()}, TLS: test.tls})
			err := r.Set(t.Context(), "key", "value", 0)
			if test.err == "" {
				require.NoError(t, err)
				return
			}
			requireStep(t, StepTLS, err)
			require.ErrorContains(t, err, test.err)
			require.NotContains(t, err.Error(), "sesame)")
		})
	}
}

func TestFailingSteps(t *testing.T) {
	const secret = "correct horse"
	server := storagetest.Redis(t, "--requirepass", secret)
	server.Do(secret, "ACL", "SETUSER", "deaf", "on", ">"+secret, "~*", "resetchannels", "+@all")
	closed := fmt.Sprintf("redis://127.0.0.1:%d", storagetest.FreePort(t))

	for _, test := range []struct {
		name, step, advice string
		options            RedisOptions
	}{
		{"nobody listens", StepDial, "is Redis running", RedisOptions{Addresses: []string{closed}, Password: secret}},
		{"no such socket", StepDial, "the folder /nowhere does not exist: is Redis running", RedisOptions{Addresses: []string{"unix:///nowhere/redis.sock"}}},
		{"TLS to a plain port", StepTLS, "does this port speak TLS?", RedisOptions{Addresses: []string{"rediss://" + server.Addr()}, DialTimeout: 500 * time.Millisecond}},
		{"wrong password", StepAuth, "check user and password", RedisOptions{Addresses: []string{server.URL()}, Password: secret + "!"}},
		{"wrong user", StepAuth, "check user and password", RedisOptions{Addresses: []string{server.URL()}, User: "x", Password: secret}},
		{"no such database", StepSelect, "out of range", RedisOptions{Addresses: []string{server.URL()}, Password: secret, Database: 99}},
		{"no password", StepSubscribe, "this Redis wants a password", RedisOptions{Addresses: []string{server.URL()}}},
		{"channels not allowed", StepSubscribe, "ACL SETUSER", RedisOptions{Addresses: []string{server.URL()}, User: "deaf", Password: secret}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRedis(t, test.options)
			err := r.Receive(t.Context(), []string{"a", "b"}, func() { t.Error("subscribed") }, nil)
			requireStep(t, test.step, err)
			require.ErrorContains(t, err, test.options.Addresses[0])
			require.ErrorContains(t, err, test.advice)
			require.NotContains(t, err.Error(), secret)
		})
	}
}

func TestPlainConnectionToTLSPort(t *testing.T) {
	server := storagetest.Redis(t)
	r := newRedis(t, RedisOptions{Addresses: []string{"redis" + server.TLSURL()[len("rediss"):]}})
	err := r.Set(t.Context(), "key", "value", 0)
	require.ErrorContains(t, err, "does this port want TLS?")
}

func TestNewRedisRefuses(t *testing.T) {
	for name, options := range map[string]RedisOptions{
		"no address":         {},
		"two addresses":      {Addresses: []string{"redis://a:1", "redis://b:1"}},
		"negative database":  {Addresses: []string{"redis://a:1"}, Database: -1},
		"another scheme":     {Addresses: []string{"http://a:1"}},
		"no host":            {Addresses: []string{"redis://:6379"}},
		"relative socket":    {Addresses: []string{"unix://redis.sock"}},
		"password in it":     {Addresses: []string{"redis://:secret@a:1"}},
		"unreadable address": {Addresses: []string{"redis://:secret@[::1"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewRedis(options)
			require.Error(t, err)
			require.NotContains(t, err.Error(), "secret")
		})
	}
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string]node{
		"redis://cache":           {"tcp", "cache:6379", false},
		"redis://127.0.0.1:6380":  {"tcp", "127.0.0.1:6380", false},
		"rediss://[fe80::1]:6380": {"tcp", "[fe80::1]:6380", true},
		"unix:///run/a b?c.sock":  {"unix", "/run/a b?c.sock", false},
	} {
		got, err := parseNode(address)
		require.NoError(t, err, address)
		require.Equal(t, want, got, address)
	}
}

func requireStep(t *testing.T, step string, err error) {
	t.Helper()
	var failure *RedisError
	require.True(t, errors.As(err, &failure), "%v", err)
	require.Equal(t, step, failure.Step, "%v", err)
}

func encryptPKCS8(t *testing.T, keyFile, passphrase string) string {
	t.Helper()
	key, err := x509.ParsePKCS8PrivateKey(readPEM(t, keyFile).Bytes)
	require.NoError(t, err)
	der, err := pkcs8.MarshalPrivateKey(key, []byte(passphrase), nil)
	require.NoError(t, err)
	return writePEM(t, &pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der})
}

func encryptLegacy(t *testing.T, keyFile, passphrase string) string {
	t.Helper()
	block := readPEM(t, keyFile)
	block, err := x509.EncryptPEMBlock(rand.Reader, block.Type, block.Bytes, []byte(passphrase), x509.PEMCipherAES256) //nolint:staticcheck // what OpenSSL wrote
	require.NoError(t, err)
	return writePEM(t, block)
}

func readPEM(t *testing.T, file string) *pem.Block {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	block, _ := pem.Decode(content)
	return block
}

func writePEM(t *testing.T, block *pem.Block) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	return file
}

func concatenate(t *testing.T, files ...string) string {
	t.Helper()
	var all []byte
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		all = append(all, content...)
	}
	file := filepath.Join(t.TempDir(), "both.pem")
	require.NoError(t, os.WriteFile(file, all, 0o600))
	return file
}
