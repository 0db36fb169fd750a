package client_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/client"
)

const capabilitiesPath = "/ocs/v2.php/cloud/capabilities"

func capabilities(websocketURL, preAuthURL string) string {
	return fmt.Sprintf(`{"ocs":{"meta":{"status":"ok","statuscode":200,"message":"OK"},"data":{"version":{"major":31},"capabilities":{
		"core":{"pollinterval":60},
		"notify_push":{"type":["files","activities","notifications"],"endpoints":{"websocket":%q,"pre_auth":%q}}}}}}`, websocketURL, preAuthURL)
}

// answerAlice is a handler that serves only who asks as a client does.
func answerAlice(t *testing.T, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		assert.Equal(t, "alice:secret", user+":"+password)
		assert.Equal(t, "true", r.Header.Get("OCS-APIRequest"))
		fmt.Fprint(w, text)
	}
}

func TestDiscover(t *testing.T) {
	for _, folder := range []string{"", "/nextcloud"} {
		for _, slash := range []string{"", "/"} {
			t.Run(folder+slash, func(t *testing.T) {
				mux := http.NewServeMux()
				mux.HandleFunc("GET "+folder+capabilitiesPath, func(w http.ResponseWriter, r *http.Request) {
					assert.Equal(t, "json", r.URL.Query().Get("format"))
					answerAlice(t, capabilities("wss://cloud.example.com/push/ws", "https://cloud.example.com/index.php/apps/notify_push/pre_auth"))(w, r)
				})
				address, httpClient := serve(t, mux)

				capability, err := client.Discover(t.Context(), client.Options{Nextcloud: address + folder + slash, User: "alice", Password: "secret", HTTPClient: httpClient})
				require.NoError(t, err)
				require.Equal(t, client.Capability{
					Types: []string{"files", "activities", "notifications"},
					Endpoints: client.Endpoints{
						Websocket: "wss://cloud.example.com/push/ws",
						PreAuth:   "https://cloud.example.com/index.php/apps/notify_push/pre_auth",
					},
				}, capability)
			})
		}
	}
}

func TestAddressWithoutSchemeMeansHTTPS(t *testing.T) {
	_, err := client.Discover(t.Context(), client.Options{Nextcloud: "localhost:1"})
	require.ErrorContains(t, err, "https://localhost:1/ocs/")
}

func TestDiscoverFails(t *testing.T) {
	discover := func(t *testing.T, handler http.HandlerFunc) error {
		address, httpClient := serve(t, handler)
		_, err := client.Discover(t.Context(), client.Options{Nextcloud: address, User: "alice", Password: "secret", HTTPClient: httpClient})
		require.Error(t, err)
		require.NotContains(t, err.Error(), "secret")
		return err
	}

	for name, text := range map[string]string{
		"no app":         `{"ocs":{"data":{"capabilities":{"core":{}}}}}`,
		"no capability":  `{"ocs":{"data":{"capabilities":[]}}}`,
		"not set up yet": `{"ocs":{"data":{"capabilities":{"notify_push":{"type":["files"]}}}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, discover(t, answerAlice(t, text)), client.ErrNoPush)
		})
	}
	for name, text := range map[string]string{
		"a web page": "<!DOCTYPE html><html>",
		"nothing":    "",
		"other JSON": `{"hello":"world"}`,
	} {
		t.Run(name, func(t *testing.T) {
			err := discover(t, answerAlice(t, text))
			require.ErrorContains(t, err, "not the answer of a Nextcloud")
			require.NotErrorIs(t, err, client.ErrNoPush)
		})
	}
	t.Run("second factor", func(t *testing.T) {
		err := discover(t, answerAlice(t, `{"ocs":{"data":{"capabilities":{"theming":{}}}}}`))
		require.ErrorIs(t, err, client.ErrInvalidCredentials)
		require.NotErrorIs(t, err, client.ErrNoPush)
	})
	t.Run("wrong type", func(t *testing.T) {
		err := discover(t, answerAlice(t, `{"ocs":{"data":{"capabilities":{"notify_push":{"endpoints":7}}}}}`))
		require.ErrorContains(t, err, "notify_push")
	})
	t.Run("wrong password", func(t *testing.T) {
		err := discover(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
		require.ErrorIs(t, err, client.ErrInvalidCredentials)
	})
	t.Run("maintenance", func(t *testing.T) {
		err := discover(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		var status *client.StatusError
		require.ErrorAs(t, err, &status)
		require.Equal(t, client.RequestCapabilities, status.Request)
		require.Equal(t, 503, status.Status)
		require.Equal(t, 2*time.Minute, status.RetryAfter)
	})
}

// cloud is a Nextcloud with a push server behind the same address.
func cloud(t *testing.T, preAuth http.HandlerFunc, push script) client.Options {
	mux := http.NewServeMux()
	address, httpClient := serve(t, mux)
	mux.HandleFunc("GET "+capabilitiesPath, answerAlice(t, capabilities(websocketAddress(address)+"/push/ws", address+"/pre_auth")))
	mux.HandleFunc("POST /pre_auth", preAuth)
	mux.HandleFunc("GET /push/ws", push.handler(t))
	return client.Options{Nextcloud: address, User: "alice", Password: "secret", HTTPClient: httpClient}
}

func TestDialThroughDiscovery(t *testing.T) {
	conn := mustDial(t, cloud(t, noToken, admit(say("notify_activity"))))
	push, err := conn.Read(t.Context())
	require.NoError(t, err)
	require.Equal(t, client.Activity, push.Kind)
}

// noToken fails a test whose client asks for a token that it should not want.
func noToken(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }

func TestPreAuth(t *testing.T) {
	opts := cloud(t, answerAlice(t, "the token\n"), func(t *testing.T, ctx context.Context, ws *websocket.Conn) {
		assert.Equal(t, "", read(t, ctx, ws))
		assert.Equal(t, "the token", read(t, ctx, ws))
		write(t, ctx, ws, "authenticated")
		untilGone(t, ctx, ws)
	})
	opts.PreAuth = true
	mustDial(t, opts)
}

func TestPreAuthFails(t *testing.T) {
	t.Run("token unknown to the push server", func(t *testing.T) {
		opts := cloud(t, answerAlice(t, "the token"), answer("err: Invalid credentials"))
		opts.PreAuth = true
		_, err := client.Dial(t.Context(), opts)
		require.ErrorIs(t, err, client.ErrUnknownToken)
		require.NotErrorIs(t, err, client.ErrInvalidCredentials, "the password is right")
	})
	t.Run("refused", func(t *testing.T) {
		opts := cloud(t, func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "CSRF check failed", http.StatusPreconditionFailed)
		}, untilGone)
		opts.PreAuth = true
		_, err := client.Dial(t.Context(), opts)
		var status *client.StatusError
		require.ErrorAs(t, err, &status)
		require.Equal(t, client.RequestPreAuth, status.Request)
		require.Equal(t, "CSRF check failed", status.Text)
	})
	t.Run("empty", func(t *testing.T) {
		opts := cloud(t, answerAlice(t, " \n"), untilGone)
		opts.PreAuth = true
		_, err := client.Dial(t.Context(), opts)
		require.ErrorContains(t, err, "empty")
	})
}

func TestUnsafeEndpoints(t *testing.T) {
	for endpoint, words := range map[string]string{
		"ws://cloud.example.com/push/ws":   "not encrypted",
		"http://cloud.example.com/push/ws": "not encrypted",
		"ws://localhost:7867/ws":           "not encrypted",
		"wss://localhost/push/ws":          "the client's own machine",
		"wss://127.0.0.1/push/ws":          "the client's own machine",
		"wss://[::1]/push/ws":              "the client's own machine",
		"wss://cloud.example.com/push/ws":  "",
		"https://push.example.com/ws":      "",
	} {
		t.Run(endpoint, func(t *testing.T) {
			server := httptest.NewTLSServer(answerAlice(t, capabilities(endpoint, "http://cloud.example.com/pre_auth")))
			t.Cleanup(server.Close)
			httpClient := server.Client()
			dialer := &net.Dialer{}
			httpClient.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
				return dialer.DialContext(ctx, network, server.Listener.Addr().String())
			}
			httpClient.Transport.(*http.Transport).TLSClientConfig.ServerName = "example.com"
			opts := client.Options{Nextcloud: "https://cloud.example.com/nc", User: "alice", Password: "secret", HTTPClient: httpClient}

			capability, err := client.Discover(t.Context(), opts)
			require.Equal(t, endpoint, capability.Endpoints.Websocket)
			if words == "" {
				require.NoError(t, err)
				opts.PreAuth = true
				_, err = client.Discover(t.Context(), opts)
				require.ErrorContains(t, err, "overwriteprotocol")
				return
			}
			var unsafe *client.UnsafeEndpointError
			require.ErrorAs(t, err, &unsafe)
			for _, word := range []string{words, endpoint, "desktop clients refuse this address", "overwrite.cli.url", "occ notify_push:setup https://cloud.example.com/nc/push"} {
				require.ErrorContains(t, err, word)
			}
			_, err = client.Dial(t.Context(), opts)
			require.ErrorAs(t, err, &unsafe)
			opts.Insecure = true
			_, err = client.Discover(t.Context(), opts)
			require.NoError(t, err)
		})
	}
}
