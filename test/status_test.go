package test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/storage/storagetest"
)

const adminToken = "the operator's own token"

// api asks the operators' listener; an empty body is a GET.
func (p *pushServer) api(path, body, token string, reply any) (status int) {
	p.t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(p.t.Context(), method, fmt.Sprintf("http://127.0.0.1:%d/api/%s", p.metricsPort, path), strings.NewReader(body))
	require.NoError(p.t, err)
	request.Header.Set("X-Admin-Token", token)
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	require.NoError(p.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(p.t, err)
	if reply != nil {
		require.NoError(p.t, json.Unmarshal(text, reply), string(text))
	}
	return response.StatusCode
}

// ask runs a command of the binary against the server.
func (p *pushServer) ask(arguments ...string) (output string, status int) {
	p.t.Helper()
	command := append(serverCommand(p.t), arguments...)
	cmd := exec.CommandContext(p.t.Context(), command[0], command[1:]...)
	cmd.Env = []string{fmt.Sprintf("METRICS_PORT=%d", p.metricsPort), "BIND=127.0.0.1"}
	text, _ := cmd.CombinedOutput()
	return string(text), cmd.ProcessState.ExitCode()
}

// TestStatus looks at a server as its operator does, and acts.
func TestStatus(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	s.mounts.Mount(7, "alice", "files")
	p := s.serveAtOnce("ADMIN_TOKEN="+adminToken, "LOG=warn")
	alice := p.login("alice")
	bob := p.login("bob")
	s.publishAtOnce(fileEvent(7, "files", 1))
	alice.expect("notify_file")

	var status struct {
		Ready        bool
		App          string `json:"app_version"`
		Level        string `json:"log_level"`
		Now          struct{ Connections, Users int }
		Dependencies []struct {
			Name    string
			Latency *float64 `json:"latency_ms"`
		}
	}
	p.await("every dependency was asked once", func() bool {
		require.Equal(t, 200, p.api("status", "", "", &status))
		known := 0
		for _, d := range status.Dependencies {
			if d.Latency != nil {
				known++
			}
		}
		return known == 3
	})
	require.True(t, status.Ready)
	require.Equal(t, 2, status.Now.Connections)
	require.Equal(t, 2, status.Now.Users)
	require.Equal(t, "warn", status.Level)

	var clients struct {
		Users   int
		Clients []struct {
			User, Address, Program string
			LastPush               *time.Time `json:"last_push"`
		}
	}
	require.Equal(t, 200, p.api("clients?search=ALI", "", "", &clients))
	require.Equal(t, 1, clients.Users)
	require.Equal(t, "alice", clients.Clients[0].User)
	require.Equal(t, "127.0.0.1", clients.Clients[0].Address)
	require.Contains(t, clients.Clients[0].Program, "Go-http-client")
	require.WithinDuration(t, time.Now(), *clients.Clients[0].LastPush, patience)

	text, code := p.ask("status")
	require.Zero(t, code, text)
	require.Regexp(t, `(?m)^clients +2 of 2 users$`, text)
	require.Regexp(t, `(?m)^redis +ok, `, text)
	text, code = p.ask("clients", "bob")
	require.Zero(t, code, text)
	require.Regexp(t, `(?m)^bob +127\.0\.0\.1 `, text)
	require.NotContains(t, text, "alice")

	require.Equal(t, 401, p.api("disconnect", `{"user":"bob"}`, "a guess of enough characters", nil))
	require.Equal(t, 200, p.api("disconnect", `{"user":"bob"}`, adminToken, nil))
	require.NotEqualValues(t, -1, bob.closed())
	p.awaitMetric("active_connection_count", 1)
	p.awaitLog("operator action")
	require.Equal(t, 200, p.api("log-level", `{"level":"debug"}`, adminToken, nil))
	p.api("status", "", "", &status)
	require.Equal(t, "debug", status.Level)
	require.Equal(t, 400, p.api("log-level", `{"level":"warning"}`, adminToken, nil))
	require.Equal(t, 200, p.api("reset", `{}`, adminToken, nil))
	require.EqualValues(t, 1012, alice.closed())

	s.redis.Stop()
	p.await("it is not ready", func() bool { p.api("status", "", "", &status); return !status.Ready })
	text, code = p.ask("status")
	require.Equal(t, 1, code)
	require.Regexp(t, `(?m)^not ready +redis, since `, text)
	s.redis.Start()
	p.awaitServing()
	p.terminate()
	p.requireNoSecrets(adminToken)
}

// TestStatusClearsARateLimit has an address throttled for wrong passwords, and let in again at once.
func TestStatusClearsARateLimit(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	p := s.serve("ADMIN_TOKEN="+adminToken, "TRUSTED_PROXIES=192.0.2.1")
	var clients struct {
		Throttled []struct {
			Address  string
			Failures int
		}
	}
	guesses := 0
	p.await("the address is throttled", func() bool {
		guesses++
		if ws, _, err := websocket.Dial(t.Context(), p.tcp().url, nil); err == nil { // it is refused while the address has to wait
			defer ws.CloseNow()
			for _, text := range []string{"alice", fmt.Sprint("wrong ", guesses)} {
				require.NoError(t, ws.Write(t.Context(), websocket.MessageText, []byte(text)))
			}
			_, _, _ = ws.Read(t.Context())
		}
		p.api("clients", "", "", &clients)
		return len(clients.Throttled) == 1 && clients.Throttled[0].Failures >= 12
	})
	require.Equal(t, "127.0.0.1", clients.Throttled[0].Address)
	require.Equal(t, 200, p.api("clear-rate-limit", `{"address":"127.0.0.1"}`, adminToken, nil))
	p.login("alice")
}

// writeDotEnv replaces the file of variables in the daemon's folder.
func (p *pushServer) writeDotEnv(lines ...string) {
	p.t.Helper()
	require.NoError(p.t, os.WriteFile(filepath.Join(p.cmd.Dir, ".env"), []byte(strings.Join(lines, "\n")+"\n"), 0o600))
}

// reload asks the daemon to read its configuration again, and returns what it logs of that.
func (p *pushServer) reload(says string) string {
	p.t.Helper()
	before := len(p.output.String())
	p.signal(syscall.SIGHUP)
	p.await("it says "+says, func() bool { return strings.Contains(p.output.String()[before:], says) })
	return p.output.String()[before:]
}

const readAgain, notUsed = "configuration read again", "the configuration cannot be used; the one before stays in force"

// TestReload changes the configuration while the daemon runs and a client is connected.
func TestReload(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	config := s.writeConfig("")
	p := s.start(config)
	p.awaitServing()
	alice := p.login("alice")

	p.writeDotEnv("LOG=info", "MAX_CONNECTIONS_PER_USER=1", "MAX_UNAUTHENTICATED=1000", "ADMIN_TOKEN="+adminToken, "TRUSTED_PROXIES=192.0.2.1")
	said := p.reload("need a restart")
	require.Contains(t, said, readAgain)
	require.Contains(t, said, `["admin_token", "log_level", "max_connections_per_user", "max_unauthenticated"]`)
	require.Contains(t, said, `{"settings": ["trusted_proxies"]}`)
	require.Equal(t, 200, p.api("log-level", `{"level":"info"}`, adminToken, nil))
	require.Equal(t, "Connection limit exceeded for user", p.loginRefused("alice", passwordOf("alice")))

	// What cannot be used changes nothing, and what is right in it neither.
	p.writeDotEnv("LOG=debug", "MAX_CONNECTIONS_PER_USER=many")
	require.Contains(t, p.reload(notUsed), "MAX_CONNECTIONS_PER_USER")
	text, err := os.ReadFile(config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(config, []byte("<?php $CONFIG = ["), 0o600))
	p.writeDotEnv("LOG=debug")
	p.reload(notUsed)
	var status struct {
		Level string `json:"log_level"`
	}
	p.api("status", "", "", &status)
	require.Equal(t, "info", status.Level)

	require.NoError(t, os.WriteFile(config, text, 0o600))
	p.writeDotEnv("LOG=debug", "MAX_CONNECTIONS_PER_USER=2", "TRUSTED_PROXIES=192.0.2.1")
	require.Contains(t, p.reload("need a restart"), "trusted_proxies", "as long as it does")
	p.login("alice")
	s.publishAtOnce(eventFor("notify_notification", "alice"))
	alice.expect("notify_notification")
	p.terminate()
	p.requireNoSecrets(adminToken)
}

// TestReloadTakesAnotherRedis moves to another Redis, from which events come at once.
func TestReloadTakesAnotherRedis(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	other := storagetest.Redis(t)
	config := s.writeConfig("")
	p := s.start(config)
	p.awaitServing()
	text, err := os.ReadFile(config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(config, bytes.ReplaceAll(text, fmt.Append(nil, s.redis.Port), fmt.Append(nil, other.Port)), 0o600))
	require.Contains(t, p.reload(readAgain), `["redis"]`)
	p.await("it hears the other Redis", func() bool {
		reply, _ := other.Do("", "PUBSUB", "NUMSUB", "notify_signal").([]any)
		return len(reply) == 2 && reply[1].(int64) > 0
	})
}

// TestReloadTakesAnotherDatabase moves to another database, which counts for the next query. It has a mount that the first has not.
func TestReloadTakesAnotherDatabase(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	path, db := storagetest.SQLite(t, "owncloud.db")
	storagetest.NewNextcloud(t, db, "oc_").Mount(9, "alice", "files")
	config := s.writeConfig("")
	p := s.start(config)
	p.awaitServing()
	alice := p.login("alice")
	text, err := os.ReadFile(config)
	require.NoError(t, err)
	before := filepath.Dir(strings.TrimPrefix(s.database, "sqlite:"))
	require.Contains(t, string(text), before)
	require.NoError(t, os.WriteFile(config, bytes.ReplaceAll(text, []byte(before), []byte(filepath.Dir(path))), 0o600))
	require.Contains(t, p.reload(readAgain), `["database"]`)
	s.publishAtOnce(fileEvent(9, "files", 1))
	alice.expect("notify_file")
}

// TestReloadOfCertificates renews a certificate, first badly.
func TestReloadOfCertificates(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	authority := storagetest.NewAuthority(t)
	cert, key := authority.Issue("push", "127.0.0.1")
	p := s.start(append(s.variables(), "TLS_CERT="+cert, "TLS_KEY="+key)...)
	p.awaitServing()
	served := func() string {
		conn, err := tls.Dial("tcp", p.address(), &tls.Config{InsecureSkipVerify: true})
		require.NoError(t, err)
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	first := served()
	newCert, newKey := authority.Issue("renewed", "127.0.0.1")
	write := func(to, from string) {
		text, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(to, text, 0o600))
	}
	write(cert, newCert)
	require.Contains(t, p.reload(notUsed), "private key does not match")
	require.Equal(t, first, served())
	write(key, newKey)
	p.reload(readAgain)
	p.await("the new certificate is served", func() bool { return served() != first })
}
