package actors_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
	"weak"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

var (
	alicesCredentials = actors.Credentials{Login: "alice", Password: "secret", Forwarded: "192.0.2.1"}
	wrongCredentials  = actors.Credentials{Login: "alice", Password: "guess"}
)

// authenticate returns who the credentials say that somebody is.
func authenticate(t *testing.T, kit *actorstest.Kit, credentials actors.Credentials) (user string, err error) {
	t.Helper()
	login, err := kit.System.Authenticate(t.Context(), credentials)
	if err != nil {
		return "", err
	}
	return login.User, nil
}

// attempts starts n logins at once and returns where their errors come.
func attempts(t *testing.T, kit *actorstest.Kit, n int, credentials func(i int) actors.Credentials) <-chan error {
	errs := make(chan error, n)
	for i := range n {
		go func() {
			_, err := kit.System.Authenticate(t.Context(), credentials(i))
			errs <- err
		}()
	}
	synctest.Wait()
	return errs
}

func TestNextcloudIsAsked(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		kit.Verifier.Rename("alice@example.com", "alice")
		user, err := authenticate(t, kit, actors.Credentials{Login: "alice@example.com", Password: "secret", Forwarded: "192.0.2.1"})
		require.NoError(t, err)
		require.Equal(t, "alice", user, "the id is Nextcloud's, not what the client typed")
		calls := kit.Verifier.Calls()
		require.Len(t, calls, 1)
		require.Equal(t, "alice@example.com", calls[0].Login)
		require.Equal(t, "secret", calls[0].Password.Reveal())
		require.Equal(t, "192.0.2.1", calls[0].Forwarded)
	})
}

func TestRefusedLogins(t *testing.T) {
	down := errors.New("nextcloud is not reachable")
	for name, c := range map[string]struct {
		credentials actors.Credentials
		failure     error
		want        error
		asked       int
	}{
		"wrong password":             {wrongCredentials, nil, actors.ErrInvalidCredentials, 1},
		"nobody with unknown token":  {actors.Credentials{Password: "token"}, nil, actors.ErrInvalidCredentials, 0},
		"nobody with the password":   {actors.Credentials{Password: "secret"}, nil, actors.ErrInvalidCredentials, 0},
		"nobody with nothing":        {actors.Credentials{}, nil, actors.ErrInvalidCredentials, 0},
		"Nextcloud is not reachable": {alicesCredentials, down, down, 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
				kit.Verifier.Fail(c.failure)
				_, err := authenticate(t, kit, c.credentials)
				require.ErrorIs(t, err, c.want)
				require.Len(t, kit.Verifier.Calls(), c.asked)
			})
		})
	}
}

// A token logs its user in, whatever the name says, once, and within 15 s.
func TestTokens(t *testing.T) {
	token := func(login string) actors.Credentials {
		return actors.Credentials{Login: login, Password: "token of alice"}
	}
	issue := func(kit *actorstest.Kit) {
		kit.Events.Emit("notify_pre_auth", `{"user":"alice","token":"token of alice"}`)
		synctest.Wait()
	}
	t.Run("once", func(t *testing.T) {
		bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
			issue(kit)
			user, err := authenticate(t, kit, token(""))
			require.NoError(t, err)
			require.Equal(t, "alice", user)
			_, err = authenticate(t, kit, token(""))
			require.ErrorIs(t, err, actors.ErrInvalidCredentials)
			require.Empty(t, kit.Verifier.Calls())
		})
	})
	t.Run("whatever the name says", func(t *testing.T) {
		bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
			issue(kit)
			user, err := authenticate(t, kit, token("bob"))
			require.NoError(t, err)
			require.Equal(t, "alice", user)
			require.Empty(t, kit.Verifier.Calls())
		})
	})
	t.Run("used up, with a name", func(t *testing.T) {
		bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
			issue(kit)
			_, _ = authenticate(t, kit, token(""))
			_, err := authenticate(t, kit, token("bob"))
			require.ErrorIs(t, err, actors.ErrInvalidCredentials)
			require.Len(t, kit.Verifier.Calls(), 1, "it may be bob's password")
		})
	})
	for after, good := range map[time.Duration]bool{0: true, 14900 * time.Millisecond: true, 15 * time.Second: false, time.Minute: false} {
		t.Run(fmt.Sprint("after ", after), func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
				issue(kit)
				pass(after)
				_, err := authenticate(t, kit, token(""))
				require.Equal(t, good, err == nil, "%v", err)
			})
		})
	}
	t.Run("issued again", func(t *testing.T) {
		bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
			issue(kit)
			pass(10 * time.Second)
			issue(kit)
			pass(10 * time.Second)
			_, err := authenticate(t, kit, token(""))
			require.NoError(t, err)
		})
	})
	t.Run("at once by many", func(t *testing.T) {
		bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
			issue(kit)
			errs := attempts(t, kit, 50, func(int) actors.Credentials { return token("") })
			admitted := 0
			for range 50 {
				if <-errs == nil {
					admitted++
				}
			}
			require.Equal(t, 1, admitted)
		})
	})
	// Nextcloud answers the client before its event is through.
	t.Run("before it is known", func(t *testing.T) {
		bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
			gone, hangUp := context.WithCancel(t.Context())
			go kit.System.Authenticate(gone, token(""))
			synctest.Wait()
			errs := attempts(t, kit, 2, func(int) actors.Credentials { return token("") })
			hangUp()
			pass(499 * time.Millisecond)
			require.Empty(t, errs)
			issue(kit)
			require.NoError(t, <-errs)
			require.ErrorIs(t, <-errs, actors.ErrInvalidCredentials, "it was good for one, and not for the one that is gone")
			_, err := authenticate(t, kit, token(""))
			require.ErrorIs(t, err, actors.ErrInvalidCredentials)
		})
	})
	t.Run("that never come", func(t *testing.T) {
		bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
			began := time.Now()
			errs := attempts(t, kit, 1001, func(i int) actors.Credentials {
				return actors.Credentials{Password: actors.Secret(fmt.Sprint("guess ", i))}
			})
			require.Len(t, errs, 1, "only so many may wait")
			for range 1001 {
				require.ErrorIs(t, <-errs, actors.ErrInvalidCredentials)
			}
			require.Equal(t, 500*time.Millisecond, time.Since(began))
		})
	})
	t.Run("awaited at the end", func(t *testing.T) {
		bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
			errs := attempts(t, kit, 1, func(int) actors.Credentials { return token("") })
			kit.System.Shutdown(t.Context())
			require.ErrorIs(t, <-errs, actors.ErrShutDown)
		})
	})
	// A token is not a password, and no later login follows from it.
	t.Run("never resumed", func(t *testing.T) {
		bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
			issue(kit)
			login, err := kit.System.Authenticate(t.Context(), token(""))
			require.NoError(t, err)
			require.NoError(t, kit.System.Attach(login, actorstest.NewSocket()))
			_, err = authenticate(t, kit, token(""))
			require.ErrorIs(t, err, actors.ErrInvalidCredentials)
		})
	})
}

// Nextcloud is not asked again about a client whose connection lives, or was lost a moment ago, before it is
// let in; TestVerifiedLoginsAreGood has the rules.
func TestVerifiedLogins(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		pass(time.Hour)
		kit.Login(t, "alice")
		alice.End(actors.ConnectionLost)
		pass(119 * time.Second)
		kit.Login(t, "alice")
		require.EqualValues(t, 1, kit.System.Stats().Logins.Nextcloud)
		pass(15 * time.Minute)
		kit.Login(t, "alice")
		require.EqualValues(t, 2, kit.System.Stats().Logins.Nextcloud)
	})
}

// A login from memory is asked of Nextcloud later. When Nextcloud refuses it, the client is sent that, and
// all connections of these credentials end, and no others.
func TestRecheckedLogin(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		kit.Verifier.Rename("alice@example.com", "alice")
		first := kit.Connect(t, "alice")
		other, err := kit.System.Authenticate(t.Context(), actors.Credentials{Login: "alice@example.com", Password: "secret"})
		require.NoError(t, err)
		otherDevice := actorstest.NewSocket()
		require.NoError(t, kit.System.Attach(other, otherDevice))
		second := kit.Connect(t, "alice")
		pass(10 * time.Minute)
		require.Len(t, kit.Verifier.Calls(), 3)
		require.EqualValues(t, 1, kit.System.Stats().Logins.Rechecked)
		requireOpen(t, second)

		third := kit.Connect(t, "alice")
		publish(t, kit, actors.ActivityAdded{User: "alice"})
		publish(t, kit, actors.ActivityAdded{User: "alice"})
		kit.Verifier.Fail(actors.ErrInvalidCredentials)
		pass(20 * time.Minute)
		for _, socket := range []*actorstest.Socket{first, second, third} {
			requireClosed(t, socket, actors.InvalidCredentials)
			texts := socket.Texts()
			require.Equal(t, "err: Invalid credentials", texts[len(texts)-1])
		}
		requireOpen(t, otherDevice)
		require.EqualValues(t, 3, kit.System.Stats().Closed[actors.InvalidCredentials])
		require.EqualValues(t, 1, kit.System.Stats().ActiveConnections)
	})
}

// After DisconnectAll everybody is asked about anew.
func TestDisconnectAllForgetsLogins(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		kit.Connect(t, "alice")
		require.NoError(t, kit.System.DisconnectAll())
		pass(time.Second)
		kit.Verifier.Fail(actors.ErrInvalidCredentials)
		_, err := authenticate(t, kit, alicesCredentials)
		require.ErrorIs(t, err, actors.ErrInvalidCredentials)
	})
}

// After notify_signal reset nobody waits for Nextcloud, which is asked about each within a minute, also about one that has been
// asked about of late; who is refused then is thrown out.
func TestResetHasLoginsRechecked(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		kit.Connect(t, "alice")
		kit.Connect(t, "alice")
		pass(10 * time.Minute) // it is asked about for the first time
		kit.Verifier.Forget()
		require.NoError(t, kit.System.Publish(t.Context(), actors.Reset{}))
		pass(time.Second)
		require.Zero(t, kit.System.Stats().ActiveConnections)
		alice := kit.Connect(t, "alice")
		require.Empty(t, kit.Verifier.Calls())
		kit.Verifier.Fail(actors.ErrInvalidCredentials)
		pass(time.Minute)
		require.Len(t, kit.Verifier.Calls(), 1)
		alice.AwaitClose(t)
	})
}

// A password is kept until Nextcloud has been asked about it, and no longer.
func TestRecheckedPasswordIsForgotten(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		kit.Connect(t, "alice")
		password := strings.Clone("secret")
		kept := weak.Make(unsafe.StringData(password))
		_, err := kit.System.Authenticate(t.Context(), actors.Credentials{Login: "alice", Password: actors.Secret(password)})
		require.NoError(t, err)
		synctest.Wait()
		runtime.GC()
		require.NotNil(t, kept.Value())
		kit.Verifier.Forget()
		pass(10 * time.Minute)
		kit.Verifier.Forget()
		runtime.GC()
		require.Nil(t, kept.Value())
		require.EqualValues(t, 1, kit.System.Stats().Logins.Rechecked)
	})
}

// A Nextcloud that hangs is waited for 20 s.
func TestHangingNextcloud(t *testing.T) {
	for name, hang := range map[string]func(*actorstest.Kit) (end func()){
		"that is given up": func(kit *actorstest.Kit) func() { kit.Verifier.Block(); return kit.Verifier.Unblock },
		"for ever": func(kit *actorstest.Kit) func() {
			stuck := make(chan struct{})
			kit.Verifier.OnCall(func() { <-stuck })
			return func() { kit.Verifier.OnCall(nil); close(stuck) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
				end := hang(kit)
				errs := attempts(t, kit, 60, func(i int) actors.Credentials {
					return actors.Credentials{Login: fmt.Sprint("user", i), Password: "secret"}
				})
				pass(19 * time.Second)
				require.Empty(t, errs)
				pass(8 * time.Second)
				require.Len(t, errs, 60)
				for range 60 {
					require.EqualError(t, <-errs, "no answer in time")
				}
				require.Equal(t, map[string]string{"nextcloud": "no answer in time"}, kit.System.Problems())
				end()
				kit.Login(t, "user0")
				require.Empty(t, kit.System.Problems())
			})
		})
	}
}

// Everybody that asked learns what Nextcloud said, also after the client has hung up.
func TestOnAnswer(t *testing.T) {
	bubble(t, func(o *actors.Options) { o.AuthConcurrency = new(1) }, func(t *testing.T, kit *actorstest.Kit) {
		var mu sync.Mutex
		heard := map[string]error{}
		ctx, hangUp := context.WithCancel(t.Context())
		kit.Verifier.Block()
		for _, login := range []string{"asked", "queued"} {
			go func() {
				_, _ = kit.System.Authenticate(ctx, actors.Credentials{Login: login, Password: "guess", OnAnswer: func(err error) {
					mu.Lock()
					defer mu.Unlock()
					heard[login] = err
				}})
			}()
			synctest.Wait()
		}
		hangUp()
		synctest.Wait()
		kit.Verifier.Unblock()
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, map[string]error{"asked": actors.ErrInvalidCredentials}, heard)
		require.Nil(t, kit.Verifier.Calls()[0].OnAnswer)
	})
}

func TestOtherPasswordIsNotCached(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		kit.Connect(t, "alice")
		_, err := authenticate(t, kit, wrongCredentials)
		require.ErrorIs(t, err, actors.ErrInvalidCredentials)
		// login and password are separate parts of what is remembered
		_, err = authenticate(t, kit, actors.Credentials{Login: "alicesecret"})
		require.ErrorIs(t, err, actors.ErrInvalidCredentials)
		require.Len(t, kit.Verifier.Calls(), 3)
	})
}

func TestRefusalIsRemembered(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		for range 100 {
			_, err := authenticate(t, kit, wrongCredentials)
			require.ErrorIs(t, err, actors.ErrInvalidCredentials)
		}
		require.Len(t, kit.Verifier.Calls(), 1)
		kit.Login(t, "alice")
		pass(5 * time.Second)
		_, err := authenticate(t, kit, wrongCredentials)
		require.ErrorIs(t, err, actors.ErrInvalidCredentials)
		require.Len(t, kit.Verifier.Calls(), 3)
	})
	bubble(t, func(o *actors.Options) { o.AuthRefusalTTL = new(time.Duration) }, func(t *testing.T, kit *actorstest.Kit) {
		for range 10 {
			_, _ = authenticate(t, kit, wrongCredentials)
		}
		require.Len(t, kit.Verifier.Calls(), 10)
	})
}

// What Nextcloud refused is not good again because a client comes late with a login from before.
func TestRefusalEndsWhatWasVerified(t *testing.T) {
	bubble(t, func(o *actors.Options) { o.AuthCacheTTL = new(time.Second) }, func(t *testing.T, kit *actorstest.Kit) {
		before := kit.Login(t, "alice")
		pass(2 * time.Second)
		kit.Verifier.Fail(actors.ErrInvalidCredentials)
		_, err := authenticate(t, kit, alicesCredentials)
		require.ErrorIs(t, err, actors.ErrInvalidCredentials)
		require.NoError(t, kit.System.Attach(before, actorstest.NewSocket()))
		pass(10 * time.Second)
		_, err = authenticate(t, kit, alicesCredentials)
		require.ErrorIs(t, err, actors.ErrInvalidCredentials)
		require.Len(t, kit.Verifier.Calls(), 3)
	})
}

// That Nextcloud could not be asked says nothing about the credentials.
func TestFailureIsNotRemembered(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		kit.Verifier.Fail(errors.New("502"))
		_, err := authenticate(t, kit, alicesCredentials)
		require.EqualError(t, err, "502")
		kit.Verifier.Fail(nil)
		_, err = authenticate(t, kit, alicesCredentials)
		require.NoError(t, err)
	})
}

// That Nextcloud can't be asked is a problem, until it answers, whatever it says, or until nobody
// has asked for a while.
func TestNextcloudIsMissed(t *testing.T) {
	for name, answer := range map[string]func(*testing.T, *actorstest.Kit){
		"yes":     func(t *testing.T, kit *actorstest.Kit) { kit.Login(t, "alice") },
		"no":      func(t *testing.T, kit *actorstest.Kit) { _, _ = authenticate(t, kit, wrongCredentials) },
		"nothing": func(*testing.T, *actorstest.Kit) { pass(75 * time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
				kit.Verifier.Fail(errors.New("502"))
				for range 10 {
					_, err := authenticate(t, kit, alicesCredentials)
					require.EqualError(t, err, "502")
					pass(30 * time.Second)
					require.Equal(t, map[string]string{"nextcloud": "502"}, kit.System.Problems())
				}
				kit.Verifier.Fail(nil)
				answer(t, kit)
				require.Empty(t, kit.System.Problems())
			})
		})
	}
}

// detailed has more to say than what a client may know.
type detailed struct{ detail string }

func (detailed) Error() string    { return "Nextcloud cannot be reached" }
func (d detailed) Detail() string { return "Nextcloud cannot be reached: " + d.detail }

// Why Nextcloud can't be asked is logged, each reason once however its details vary.
func TestOutageOfNextcloudIsLoggedWithItsReason(t *testing.T) {
	core, logged := observer.New(zap.WarnLevel)
	bubble(t, func(o *actors.Options) { o.Logger = zap.New(core) }, func(t *testing.T, kit *actorstest.Kit) {
		for i := range 3 {
			kit.Verifier.Fail(detailed{fmt.Sprintf("dial from port %d", i)})
			_, err := authenticate(t, kit, alicesCredentials)
			require.EqualError(t, err, "Nextcloud cannot be reached")
			pass(5 * time.Second)
		}
		require.Equal(t, map[string]string{"nextcloud": "Nextcloud cannot be reached: dial from port 2"}, kit.System.Problems())
		lines := logged.FilterMessage("nextcloud is not available").All()
		require.Len(t, lines, 1)
		require.Equal(t, "Nextcloud cannot be reached: dial from port 0", lines[0].ContextMap()["error"])
	})
}

// That one login can't be judged says nothing about Nextcloud: neither that it is away, nor that it is
// there again.
func TestOneLoginIsNotNextcloud(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		for _, problems := range []map[string]string{{}, {"nextcloud": "502"}} {
			kit.Verifier.Fail(fmt.Errorf("429: %w", actors.ErrOneLogin))
			_, err := authenticate(t, kit, alicesCredentials)
			require.ErrorIs(t, err, actors.ErrOneLogin)
			require.Equal(t, problems, kit.System.Problems())
			pass(10 * time.Second)
			kit.Verifier.Fail(errors.New("502"))
			_, err = authenticate(t, kit, alicesCredentials)
			require.EqualError(t, err, "502")
			pass(10 * time.Second)
		}
	})
}

func TestOneCallPerCredential(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		kit.Verifier.Block()
		errs := attempts(t, kit, 100, func(i int) actors.Credentials {
			return []actors.Credentials{alicesCredentials, wrongCredentials}[i%2]
		})
		require.Len(t, kit.Verifier.Calls(), 2)
		kit.Verifier.Unblock()
		accepted := 0
		for range 100 {
			if <-errs == nil {
				accepted++
			}
		}
		require.Equal(t, 50, accepted)
		require.Len(t, kit.Verifier.Calls(), 2)
	})
}

// However many come, AuthConcurrency calls are in flight at most, and the others wait.
func TestLoginsInFlight(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		kit.Verifier.Block()
		errs := attempts(t, kit, 1000, func(i int) actors.Credentials {
			return actors.Credentials{Login: fmt.Sprint("user", i), Password: "secret"}
		})
		require.Len(t, kit.Verifier.Calls(), 32)
		pass(4 * time.Second)
		kit.Verifier.Unblock()
		for range 1000 {
			require.NoError(t, <-errs)
		}
		require.Equal(t, 32, kit.Verifier.MostInFlight())
	})
}

func TestLoginsInFlightWithoutLimit(t *testing.T) {
	bubble(t, func(o *actors.Options) { o.AuthConcurrency = new(0) }, func(t *testing.T, kit *actorstest.Kit) {
		kit.Verifier.Block()
		errs := attempts(t, kit, 1000, func(i int) actors.Credentials {
			return actors.Credentials{Login: fmt.Sprint("user", i), Password: "secret"}
		})
		require.Len(t, kit.Verifier.Calls(), 1000)
		kit.Verifier.Unblock()
		for range 1000 {
			require.NoError(t, <-errs)
		}
	})
}

// Nextcloud is not asked for clients that have hung up meanwhile.
func TestAbandonedLoginsAreSkipped(t *testing.T) {
	bubble(t, func(o *actors.Options) { o.AuthConcurrency = new(1) }, func(t *testing.T, kit *actorstest.Kit) {
		kit.Verifier.Block()
		first := attempts(t, kit, 1, func(int) actors.Credentials { return alicesCredentials })
		ctx, hangUp := context.WithCancel(t.Context())
		abandoned := make(chan error, 10)
		for i := range 10 {
			go func() {
				_, err := kit.System.Authenticate(ctx, actors.Credentials{Login: fmt.Sprint("gone", i), Password: "secret"})
				abandoned <- err
			}()
		}
		synctest.Wait()
		last := attempts(t, kit, 1, func(int) actors.Credentials { return actors.Credentials{Login: "bob", Password: "secret"} })
		hangUp()
		for range 10 {
			require.ErrorIs(t, <-abandoned, context.Canceled)
		}
		kit.Verifier.Unblock()
		require.NoError(t, <-first)
		require.NoError(t, <-last)
		require.Len(t, kit.Verifier.Calls(), 2)
	})
}

// Nor are they kept, and their passwords least of all: while Nextcloud hangs and others wait, guesses
// may come and hang up as often as they like.
func TestAbandonedLoginsAreForgotten(t *testing.T) {
	bubble(t, func(o *actors.Options) { o.AuthConcurrency = new(1) }, func(t *testing.T, kit *actorstest.Kit) {
		kit.Verifier.Block()
		waiting := attempts(t, kit, 2, func(i int) actors.Credentials {
			return actors.Credentials{Login: fmt.Sprint("user", i), Password: "secret"}
		})
		ctx, hangUp := context.WithCancel(t.Context())
		var passwords []weak.Pointer[byte]
		for i := range 100 {
			password := strings.Repeat("guess", 100+i)
			passwords = append(passwords, weak.Make(unsafe.StringData(password)))
			go kit.System.Authenticate(ctx, actors.Credentials{Login: fmt.Sprint("unknown", i/2), Password: actors.Secret(password)})
		}
		kept := func() int { return inMemory(passwords) }
		require.Equal(t, 100, kept())
		hangUp()
		require.Zero(t, kept())
		kit.Verifier.Unblock()
		require.NoError(t, <-waiting)
		require.NoError(t, <-waiting)
		require.Len(t, kit.Verifier.Calls(), 2)
	})
}

// inMemory counts what the collector has left, once a bubble is idle.
func inMemory[T any](all []weak.Pointer[T]) (n int) {
	synctest.Wait()
	runtime.GC()
	for _, one := range all {
		if one.Value() != nil {
			n++
		}
	}
	return n
}

// What waits for an answer without a goroutine is forgotten with the login, and not called any more.
func TestAbandonedCallbacksAreForgotten(t *testing.T) {
	bubble(t, func(o *actors.Options) { o.AuthConcurrency = new(1) }, func(t *testing.T, kit *actorstest.Kit) {
		kit.Verifier.Block()
		var clients []weak.Pointer[[100]byte]
		var abandon []func()
		for i := range 100 {
			client := new([100]byte)
			clients = append(clients, weak.Make(client))
			credentials := actors.Credentials{Login: fmt.Sprint("user", i/2), Password: "secret"}
			abandon = append(abandon, kit.System.AuthenticateFunc(t.Context(), credentials, func(*actors.Login, error) { t.Error("called", client[0]) }))
		}
		kept := func() int { return inMemory(clients) }
		require.Equal(t, 100, kept())
		for _, hangUp := range abandon {
			hangUp()
		}
		require.LessOrEqual(t, kept(), 1, "of all but the one that the Verifier is asked about")
		kit.Verifier.Unblock()
		synctest.Wait()
	})
}

// A client that hangs up leaves the others that wait for the same answer alone.
func TestAbandonedBySome(t *testing.T) {
	bubble(t, func(o *actors.Options) { o.AuthConcurrency = new(1) }, func(t *testing.T, kit *actorstest.Kit) {
		kit.Verifier.Block()
		ctx, hangUp := context.WithCancel(t.Context())
		waiting := make(chan (<-chan error), 2)
		for _, user := range []string{"asked", "queued"} {
			credentials := actors.Credentials{Login: user, Password: "secret"}
			go kit.System.Authenticate(ctx, credentials)
			waiting <- attempts(t, kit, 1, func(int) actors.Credentials { return credentials })
		}
		hangUp()
		synctest.Wait()
		kit.Verifier.Unblock()
		require.NoError(t, <-<-waiting)
		require.NoError(t, <-<-waiting)
	})
}

// No more than 10,000 refusals are remembered, and none for long, if longer while Resume may come:
// unauthenticated clients make them.
func TestUnknownLoginsAreBounded(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		guess := func(i int) {
			_, err := authenticate(t, kit, actors.Credentials{Login: fmt.Sprint("unknown", i), Password: "guess"})
			require.ErrorIs(t, err, actors.ErrInvalidCredentials)
		}
		for i := range 10_001 {
			guess(i)
		}
		asked := len(kit.Verifier.Calls())
		guess(9_999)
		require.Len(t, kit.Verifier.Calls(), asked, "remembered")
		guess(10_000)
		require.Len(t, kit.Verifier.Calls(), asked+1, "not remembered")
		pass(10 * time.Second)
		guess(10_000)
		guess(10_000)
		require.Len(t, kit.Verifier.Calls(), asked+2, "those whose time is over make room")
	})
}

func TestLoginCounters(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		kit.Events.Emit("notify_pre_auth", `{"user":"alice","token":"token"}`)
		synctest.Wait()
		_, _ = authenticate(t, kit, actors.Credentials{Password: "token"})
		for range 3 {
			_, _ = authenticate(t, kit, alicesCredentials)
		}
		for range 4 {
			_, _ = authenticate(t, kit, wrongCredentials)
		}
		require.Equal(t, actors.Logins{Token: 1, Cached: 2, Nextcloud: 2, Refused: 4}, kit.System.Stats().Logins)
	})
}
