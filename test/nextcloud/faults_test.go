package nextcloud_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
)

// faults are tried one after the other: each takes a part of the installation away from everybody. Afterwards the pushes of
// what users do work again, by themselves.
var faults = tests{
	"Reset":       (*installation).testReset,
	"Restart":     (*installation).testRestart,
	"Kill":        (*installation).testKill,
	"Redis":       (*installation).testRedisRestarts,
	"Database":    (*installation).testDatabaseStops,
	"Maintenance": (*installation).testMaintenance,
	"PHP":         (*installation).testPHPStops,
	"PHPHangs":    (*installation).testPHPHangs,

	"HangUp":             (*installation).testHangUp,
	"Recheck":            (*installation).testRecheck,
	"StandInMaintenance": (*installation).testStandInMaintenance,
}

// requireService expects that all works: a login that no one has tried before, and a push for a file.
func (i *installation) requireService(t *testing.T) {
	t.Helper()
	alice := i.newAccount(t)
	c := alice.comeBack(t)
	c.awaitFile(alice.upload(t, "file.txt"))
}

// testReset ends all connections at an administrator's wish.
func (i *installation) testReset(t *testing.T) {
	client := i.newAccount(t).connect(t)
	i.occ(t, "notify_push:reset")
	require.Equal(t, websocket.StatusServiceRestart, client.awaitEnd())
	i.requireService(t)
}

// testRestart restarts the push server while PHP is away: those who were logged in come back all the same, because their
// logins outlive it, and Nextcloud is not asked. Those who were logging in are let go without a close frame.
func (i *installation) testRestart(t *testing.T) {
	alice := i.newAccount(t)
	before, waiting := alice.connect(t), i.dial(t)
	waiting.send(alice.id)
	i.php.Stop()
	i.push.Stop()
	require.Equal(t, websocket.StatusServiceRestart, before.awaitEnd())
	require.Equal(t, websocket.StatusCode(-1), waiting.awaitEnd())
	i.push.Start()
	after := alice.connect(t)
	i.php.Start()
	after.awaitFile(alice.upload(t, "file.txt"))
	i.requireService(t)
}

func (i *installation) testKill(t *testing.T) {
	alice := i.newAccount(t)
	before := alice.connect(t)
	i.push.Kill()
	require.Equal(t, websocket.StatusCode(-1), before.awaitEnd())
	i.push.Start()
	after := alice.connect(t)
	after.awaitFile(alice.upload(t, "file.txt"))
	i.requireService(t)
}

// testRedisRestarts has clients look for themselves once for what Nextcloud could not publish.
func (i *installation) testRedisRestarts(t *testing.T) {
	alice := i.newAccount(t)
	client := alice.connect(t)
	i.redis.Stop()
	i.redis.Start()
	client.awaitTexts("notify_file", "notify_activity", "notify_notification")
	client.awaitFile(alice.upload(t, "file.txt"))
	i.requireService(t)
}

// testDatabaseStops takes away what Nextcloud and the push server both need.
func (i *installation) testDatabaseStops(t *testing.T) {
	alice, bob := i.newAccount(t), i.newAccount(t)
	client := alice.connect(t)
	i.database.Stop()
	i.publish(t, alice.id, "still here")
	client.awaitText("still here")
	i.requireRefusal(t, bob.id, bob.password, "err: Error while sending authentication request to nextcloud: ")
	i.database.Start()
	client.awaitFile(alice.upload(t, "file.txt"))
	i.requireService(t)
}

func (i *installation) testMaintenance(t *testing.T) {
	alice, bob := i.newAccount(t), i.newAccount(t)
	client := alice.connect(t)
	i.occ(t, "maintenance:mode", "--on")
	i.requireRefusal(t, bob.id, bob.password, "err: Error while sending authentication request to nextcloud: ")
	i.publish(t, alice.id, "still here")
	client.awaitText("still here")
	i.occ(t, "maintenance:mode", "--off")
	client.awaitFile(alice.upload(t, "file.txt"))
	i.requireService(t)
}

// testPHPStops has the web server answer 502 in Nextcloud's name.
func (i *installation) testPHPStops(t *testing.T) {
	alice, bob := i.newAccount(t), i.newAccount(t)
	client := alice.connect(t)
	i.php.Stop()
	i.requireRefusal(t, bob.id, bob.password, "err: Error while sending authentication request to nextcloud: ")
	alice.requireLogin(t, alice.id, alice.password)
	i.php.Start()
	client.awaitFile(alice.upload(t, "file.txt"))
	i.requireService(t)
}

// testPHPHangs has PHP take requests and answer none: nobody waits for more than the 20 s that a question may take, and
// those who are known do not wait at all.
func (i *installation) testPHPHangs(t *testing.T) {
	alice, bob := i.newAccount(t), i.newAccount(t)
	client := alice.connect(t)
	i.php.Pause()
	alice.requireLogin(t, alice.id, alice.password)
	i.requireRefusal(t, bob.id, bob.password, "err: Error while sending authentication request to nextcloud: ")
	i.php.Resume()
	client.awaitFile(alice.upload(t, "file.txt"))
	i.requireService(t)
}

// testHangUp guesses, and does not wait for the answers, which PHP is slow to give. They count all the same.
func (i *installation) testHangUp(t *testing.T) {
	alice, address := i.newAccount(t), i.newAddress()
	i.php.Pause()
	var guessers []*client
	for n := range 10 {
		c := i.dialFrom(t, address)
		c.send(alice.id)
		c.send(fmt.Sprint("guess ", n))
		guessers = append(guessers, c)
	}
	time.Sleep(1150 * time.Millisecond)
	for _, c := range guessers {
		require.Empty(t, c.texts, "it was not answered yet")
		_ = c.ws.CloseNow()
	}
	time.Sleep(450 * time.Millisecond)
	require.Equal(t, http.StatusSwitchingProtocols, i.shakeHands(t, address))
	i.php.Resume()
	i.awaitHandshake(t, address, http.StatusTooManyRequests)
	require.Equal(t, http.StatusSwitchingProtocols, i.shakeHands(t, i.newAddress()))
	i.requireService(t)
}
