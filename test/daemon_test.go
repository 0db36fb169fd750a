package test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

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
	const gaveUp, resumed = "cannot resume the logins of the previous process yet", "resumed the logins of the previous process"
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
