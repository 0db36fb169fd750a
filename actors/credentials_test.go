package actors_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
)

type tenantKey struct{}

// byCookie is a Verifier that looks at the request, and not at what the client sent.
var byCookie = actors.VerifierFunc(func(ctx context.Context, c actors.Credentials) (actors.Identity, error) {
	tenant, _ := ctx.Value(tenantKey{}).(string)
	cookie := c.Header["Cookie"]
	if len(cookie) != 1 {
		return actors.Identity{}, actors.ErrInvalidCredentials
	}
	return actors.Identity{User: cookie[0], Tag: tenant}, nil
})

// One client's cookie never answers for another's, whatever both type.
func TestLoginsAreRememberedByTheirHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { pass(2 * time.Second) })
		system, err := actors.New(actors.Ports{Verifier: byCookie}, actors.Options{})
		require.NoError(t, err)
		system.Start()
		defer func() { _ = system.Shutdown(context.Background()) }()
		ctx := context.WithValue(t.Context(), tenantKey{}, "blue")
		login := func(header map[string][]string) (string, error) {
			login, err := system.Authenticate(ctx, actors.Credentials{Login: "x", Password: "y", Header: header})
			if err != nil {
				return "", err
			}
			require.Equal(t, "blue", login.Tag, "a value of the ctx")
			return login.User, nil
		}
		for range 2 {
			for _, user := range []string{"alice", "bob"} {
				got, err := login(map[string][]string{"Cookie": {user}})
				require.NoError(t, err)
				require.Equal(t, user, got)
			}
			_, err = login(nil)
			require.ErrorIs(t, err, actors.ErrInvalidCredentials)
			_, err = login(map[string][]string{"Cookie": {"alice", "bob"}})
			require.ErrorIs(t, err, actors.ErrInvalidCredentials)
		}
		require.EqualValues(t, 4, system.Stats().Logins.Nextcloud)
		require.EqualValues(t, 2, system.Stats().Logins.Cached)
	})
}
