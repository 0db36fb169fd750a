package actors_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

// handOver takes a System's logins, by way of JSON, to another one.
func handOver(t *testing.T, from, to *actorstest.Kit) []actors.RememberedLogin {
	t.Helper()
	logins, err := from.System.Logins(t.Context())
	require.NoError(t, err)
	text, err := json.Marshal(logins)
	require.NoError(t, err)
	require.NotContains(t, string(text), "secret")
	logins = nil
	require.NoError(t, json.Unmarshal(text, &logins))
	to.System.Resume(logins)
	synctest.Wait()
	return logins
}

// The next process lets in who was logged in, without asking Nextcloud, if it knows the key.
func TestLoginsAreHandedOver(t *testing.T) {
	key := func(key string) func(*actors.Options) {
		return func(o *actors.Options) { o.AuthKey = []byte(key) }
	}
	for name, c := range map[string]struct {
		nextKey string
		wait    time.Duration
		asked   int
	}{
		"at once":     {"key", 0, 0},
		"in time":     {"key", 119 * time.Second, 0},
		"too late":    {"key", 120 * time.Second, 1},
		"another key": {"other key", 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, key("key"), func(t *testing.T, before *actorstest.Kit) {
				before.Connect(t, "alice")
				pass(time.Hour)
				after := actorstest.Start(t, key(c.nextKey))
				require.Len(t, handOver(t, before, after), 1)
				pass(c.wait)
				after.Connect(t, "alice")
				require.Len(t, after.Verifier.Calls(), c.asked)
				_, err := authenticate(t, after, wrongCredentials)
				require.ErrorIs(t, err, actors.ErrInvalidCredentials)
			})
		})
	}
}

// What Nextcloud has refused meanwhile is not good again because the hand-over comes late.
func TestRefusedLoginIsNotHandedOver(t *testing.T) {
	for _, ttl := range []time.Duration{0, 5 * time.Second} {
		key := func(o *actors.Options) { o.AuthKey, o.AuthRefusalTTL = []byte("key"), &ttl }
		bubble(t, key, func(t *testing.T, before *actorstest.Kit) {
			before.Connect(t, "alice")
			after := actorstest.Start(t, key)
			after.Verifier.Fail(actors.ErrInvalidCredentials)
			_, err := authenticate(t, after, alicesCredentials)
			require.ErrorIs(t, err, actors.ErrInvalidCredentials)
			pass(119 * time.Second)
			handOver(t, before, after)
			_, err = authenticate(t, after, alicesCredentials)
			require.ErrorIs(t, err, actors.ErrInvalidCredentials)
			require.Len(t, after.Verifier.Calls(), 2, "refusals are remembered as long as before")
		})
	}
}

// Over any number of processes, Nextcloud is asked again after AuthMaxAge.
func TestHandedOverLoginsAge(t *testing.T) {
	key := func(o *actors.Options) { o.AuthKey = []byte("key") }
	bubble(t, key, func(t *testing.T, before *actorstest.Kit) {
		before.Connect(t, "alice")
		for range 2 {
			pass(5 * time.Hour)
			after := actorstest.Start(t, key)
			handOver(t, before, after)
			after.Verifier.Fail(errors.New("502")) // later, when it is asked
			after.Connect(t, "alice")
			require.Empty(t, after.Verifier.Calls())
			before = after
		}
		pass(119 * time.Minute)
		before.Login(t, "alice")
		require.Zero(t, before.System.Stats().Logins.Nextcloud)
		pass(time.Minute)
		logins, err := before.System.Logins(t.Context())
		require.NoError(t, err)
		require.Empty(t, logins)
		before.Verifier.Fail(nil)
		before.Login(t, "alice")
		require.EqualValues(t, 1, before.System.Stats().Logins.Nextcloud)
	})
}

// Whatever somebody does to the clock between two processes, a login is good for AuthMaxAge at most.
func TestClockIsSetBetweenProcesses(t *testing.T) {
	for jump, asked := range map[time.Duration]int{-24 * time.Hour: 0, -time.Hour: 0, time.Hour: 0, 12 * time.Hour: 1} {
		t.Run(jump.String(), func(t *testing.T) {
			key := func(o *actors.Options) { o.AuthKey = []byte("key") }
			bubble(t, key, func(t *testing.T, before *actorstest.Kit) {
				before.Connect(t, "alice")
				logins, err := before.System.Logins(t.Context())
				require.NoError(t, err)
				for i := range logins {
					logins[i].VerifiedAt = logins[i].VerifiedAt.Add(-jump)
				}
				after := actorstest.Start(t, key)
				after.System.Resume(logins)
				after.Connect(t, "alice")
				require.Len(t, after.Verifier.Calls(), asked)
				after.Verifier.Fail(errors.New("502")) // what is asked later
				pass(12 * time.Hour)
				after.Verifier.Fail(nil)
				after.Login(t, "alice")
				require.EqualValues(t, asked+1, after.System.Stats().Logins.Nextcloud)
			})
		})
	}
}

// Ages beyond what a Duration holds are not young.
func TestLoginOfAnotherAgeIsNotResumed(t *testing.T) {
	key := func(o *actors.Options) { o.AuthKey = []byte("key") }
	bubble(t, key, func(t *testing.T, before *actorstest.Kit) {
		before.Connect(t, "alice")
		logins, err := before.System.Logins(t.Context())
		require.NoError(t, err)
		require.Len(t, logins, 1)
		logins[0].VerifiedAt = time.Time{}
		after := actorstest.Start(t, key)
		pass(time.Second)
		after.System.Resume(logins)
		pass(time.Second)
		after.Connect(t, "alice")
		require.Len(t, after.Verifier.Calls(), 1)
	})
}

func TestNonsenseIsNotResumed(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		kit.System.Resume([]actors.RememberedLogin{{}, {Digest: []byte("short"), User: "alice"}, {Digest: make([]byte, 64), User: "alice"}})
		logins, err := kit.System.Logins(t.Context())
		require.NoError(t, err)
		require.Empty(t, logins)
		kit.Login(t, "alice")
		require.Len(t, kit.Verifier.Calls(), 1)
	})
}

// 5,000 clients come back after a restart: all are let in without a question to Nextcloud, which is then asked
// about each, at most ten times a second.
func TestThousandsComeBackAfterARestart(t *testing.T) {
	const clients = 5000
	key := func(o *actors.Options) { o.AuthKey = []byte("key") }
	bubble(t, key, func(t *testing.T, before *actorstest.Kit) {
		for i := range clients {
			before.Connect(t, fmt.Sprint("user", i))
		}
		after := actorstest.Start(t, key)
		require.Len(t, handOver(t, before, after), clients)
		require.NoError(t, before.System.Shutdown(t.Context()))
		for i := range clients {
			after.Connect(t, fmt.Sprint("user", i))
		}
		require.EqualValues(t, clients, after.System.Stats().ActiveConnections)
		require.Zero(t, after.System.Stats().Logins.Nextcloud)
		began, most, last := time.Now(), uint64(0), uint64(0)
		for last < clients && time.Since(began) < 15*time.Minute {
			pass(time.Second)
			asked := after.System.Stats().Logins.Rechecked
			most, last = max(most, asked-last), asked
		}
		require.EqualValues(t, clients, last)
		require.LessOrEqual(t, most, uint64(11), "in one second, of which the sample may be 11 starts of 100 ms")
		require.Zero(t, after.System.Stats().Logins.Nextcloud)
		require.EqualValues(t, clients, after.System.Stats().ActiveConnections)
		t.Logf("asked about %d logins in %v, %d in a second at most", clients, time.Since(began), most)
	})
}
