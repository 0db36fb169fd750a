package cli

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/storage/storagetest"
)

// TestFaultsRedisIsABlackHole starts with a Redis that takes connections and never says a word: it holds
// nothing up but the logins of the process before, and those come when it speaks.
func TestFaultsRedisIsABlackHole(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	configFile := filepath.Join(t.TempDir(), "config.php")
	require.NoError(t, os.WriteFile(configFile, []byte(`<?php $CONFIG = ['secret' => 'of this instance'];`), 0o600))
	before := s.launch(configFile)
	before.awaitServing()
	before.login("alice")
	before.terminate()

	hole := storagetest.NewProxy(t, s.redis.Addr())
	hole.Stall()
	p := s.launch(configFile, "REDIS_URL=redis://"+hole.Addr(), "LOG=info")
	const gaveUp, resumed = "the logins of the process before are not resumed yet", "resumed logins of the process before"
	p.awaitLog(gaveUp)
	p.await("it listens", func() bool {
		conn, err := net.Dial("tcp", p.address())
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	p.login("bob")
	require.NotContains(t, p.output.String(), resumed)
	hole.Resume()
	p.awaitLog(resumed)
	asked := len(s.asked("uid"))
	p.login("alice")
	require.Len(t, s.asked("uid"), asked)

	hole.Stall()
	p.terminate()
	require.Equal(t, 1, strings.Count(p.output.String(), gaveUp))
}

// TestPortsAreOpenAtOnce has a daemon wait for the logins of the process before for as long as the test
// wants: operators are served meanwhile, and clients can connect.
func TestPortsAreOpenAtOnce(t *testing.T) {
	redis, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	require.NoError(t, err)
	folder := t.TempDir()
	configFile := filepath.Join(folder, "config.php")
	require.NoError(t, os.WriteFile(configFile, []byte(`<?php $CONFIG = ['secret' => 'of this instance'];`), 0o600))
	port, metricsPort := storagetest.FreePort(t), storagetest.FreePort(t)
	variables := map[string]string{
		"REDIS_URL": "redis://" + redis.Addr().String(), "DATABASE_URL": "sqlite:" + filepath.Join(folder, "db"), "NEXTCLOUD_URL": "http://127.0.0.1:1/",
		"BIND": "127.0.0.1", "PORT": fmt.Sprint(port), "METRICS_PORT": fmt.Sprint(metricsPort),
	}
	loaded := config.Load(t.Context(), config.Flags{ConfigFile: configFile}, func(name string) (string, bool) {
		value, found := variables[name]
		return value, found
	})
	require.NoError(t, loaded.Err())
	loaded.Settings.Redis.ReadTimeout = time.Hour
	d, err := newDaemon(loaded.Settings, newLogging(t.Output(), loaded.Settings))
	require.NoError(t, err)
	d.handover.patience = time.Hour
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.run(ctx) }()

	alive := func() bool {
		response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/livez", metricsPort))
		if err == nil {
			response.Body.Close()
		}
		return err == nil && response.StatusCode == http.StatusOK
	}
	require.Eventually(t, alive, patience, 5*time.Millisecond)
	client, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	require.NoError(t, err)
	defer client.Close()
	_, err = io.WriteString(client, "GET /version HTTP/1.1\r\nHost: push\r\nConnection: close\r\n\r\n")
	require.NoError(t, err)
	require.NoError(t, client.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err = client.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "nobody is let in before the logins are there")

	redis.Close() // and what is connected to it
	require.NoError(t, client.SetReadDeadline(time.Now().Add(patience)))
	answer, err := io.ReadAll(client)
	require.NoError(t, err)
	require.Contains(t, string(answer), Version())
	end()
	require.NoError(t, <-ended)
}

// TestReadinessIsNotOneLogins has Nextcloud refuse single logins for whatever reason, which doesn't make
// the server unready, and then all.
func TestReadinessIsNotOneLogins(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	var answer atomic.Int32
	cloud := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(answer.Load())) }))
	t.Cleanup(cloud.Close)
	answer.Store(http.StatusInternalServerError)
	p := s.serve("NEXTCLOUD_URL=" + cloud.URL + "/")
	p.await("it is ready", p.ready)
	for _, test := range []struct {
		answer int
		ready  bool
	}{
		{http.StatusTooManyRequests, true},
		{http.StatusForbidden, true},
		{http.StatusUnauthorized, true},
		{http.StatusBadGateway, false},
		{http.StatusTooManyRequests, false},
	} {
		answer.Store(int32(test.answer))
		p.loginRefused("alice", fmt.Sprint("password ", test.answer, test.ready))
		require.Equal(t, test.ready, p.ready(), "after %d", test.answer)
	}
}
