package client_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/client"
)

// Credentials are asked for at each login, refused ones are tried again only where there are others, and each
// change of state is told.
func TestCredentialsOfEachLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refuse := func(name, password string) script {
			return func(t *testing.T, ctx context.Context, ws *websocket.Conn) {
				require.Equal(t, name, read(t, ctx, ws))
				require.Equal(t, password, read(t, ctx, ws))
				write(t, ctx, ws, "err: Invalid credentials")
				untilGone(t, ctx, ws)
			}
		}
		leave := func(_ *testing.T, _ context.Context, ws *websocket.Conn) {
			ws.Close(websocket.StatusServiceRestart, "")
		}
		handler, _ := inTurn(refuse("alice", "old").handler(t), admit(leave).handler(t), refuse("alice", "newer").handler(t), refuse("alice", "newer").handler(t))
		opts := aliceAt("ws://push/ws", serveInMemory(t, handler))
		opts.User, opts.Password = "", ""
		passwords := []string{"old", "", "secret", "newer", "newer"}
		opts.Credentials = func(context.Context) (string, string, error) {
			password := passwords[0]
			passwords = passwords[1:]
			if password == "" {
				return "", "", errors.New("the keyring is locked")
			}
			return "alice", password, nil
		}
		var states []client.State
		opts.OnState = func(state client.State) { states = append(states, state) }
		require.ErrorIs(t, client.Run(t.Context(), opts, nil), client.ErrInvalidCredentials)
		require.Empty(t, passwords)
		require.Equal(t, []client.State{
			client.StateConnecting, client.StateWaiting,
			client.StateConnecting, client.StateWaiting,
			client.StateConnecting, client.StateConnected, client.StateWaiting,
			client.StateConnecting, client.StateWaiting,
			client.StateConnecting, client.StateStopped,
		}, states)
	})
}

func TestNothingIsSentWithoutCredentials(t *testing.T) {
	opts := pushServer(t, func(t *testing.T, ctx context.Context, ws *websocket.Conn) {
		write(t, ctx, ws, "authenticated")
		require.Equal(t, "listen notify_file_id", read(t, ctx, ws))
		write(t, ctx, ws, "hello")
		untilGone(t, ctx, ws)
	})
	opts.User, opts.Password, opts.FileIDs = "", "", true
	push, err := mustDial(t, opts).Read(t.Context())
	require.NoError(t, err)
	require.Equal(t, "hello", push.Message)
}
