package monitor

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
)

func fixed(token string) func() actors.Secret {
	return func() actors.Secret { return actors.Secret(token) }
}

var saysOK = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })

// A page that had its own name lead here is refused, and what calls the listener by an address or a name that nobody else can have is not.
func TestGuardKnowsItsNames(t *testing.T) {
	for _, test := range []struct {
		host, remote string
		headers      []string
		want         int
	}{
		{"127.0.0.1:7868", "127.0.0.1:1", nil, 200},
		{"[::1]:7868", "[::1]:1", nil, 200},
		{"[2001:db8::1]", "192.0.2.1:1", nil, 200},
		{"localhost:7868", "127.0.0.1:1", nil, 200},
		{"push:7868", "172.18.0.3:1", nil, 200},
		{"notify_push", "127.0.0.1:1", nil, 200},
		{"", "127.0.0.1:1", nil, 200},
		{"push.example.com:7868", "192.0.2.1:1", nil, 200},
		{"a.svc.cluster.local", "192.0.2.1:1", nil, 200},
		{"A.SVC.cluster.local:80", "192.0.2.1:1", nil, 200},
		{"evil.example:7868", "127.0.0.1:1", nil, 403},
		{"localhost.evil.example", "127.0.0.1:1", nil, 403},
		{"127.0.0.1.evil.example", "127.0.0.1:1", nil, 403},
		{"push.example.com.evil.example", "127.0.0.1:1", nil, 403},
		{"evil.example", "127.0.0.1:1", []string{"X-Forwarded-Host", "localhost"}, 403},
		{"evil.example", "@", nil, 200}, // a unix socket
		{"evil.example", "127.0.0.1:1", []string{TokenHeader, "the admin's own token"}, 200},
	} {
		guard := Guard{Hosts: Hosts{"push.example.com", "*.svc.cluster.local"}, AdminToken: fixed("the admin's own token")}
		for _, path := range []string{"/metrics", "/livez", "/", "/api/status"} {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Host, r.RemoteAddr = test.host, test.remote
			for i := 0; i+1 < len(test.headers); i += 2 {
				r.Header.Set(test.headers[i], test.headers[i+1])
			}
			w := httptest.NewRecorder()
			guard.Handler(saysOK).ServeHTTP(w, r)
			require.Equal(t, test.want, w.Code, "%s %s", test.host, path)
		}
	}
}

func TestGuardAsksForAToken(t *testing.T) {
	const reader, admin = "a token of readers", "a token of the admin"
	ask := func(guard Guard, path string, headers ...string) int {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Host, r.RemoteAddr = "127.0.0.1", "127.0.0.1:1"
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		guard.Handler(saysOK).ServeHTTP(w, r)
		return w.Code
	}
	guarded := Guard{Token: fixed(reader), AdminToken: fixed(admin)}
	for _, path := range []string{"/metrics", "/readyz", "/api/status", "/api/clients", "/debug"} {
		require.Equal(t, 401, ask(guarded, path), path)
		require.Equal(t, 401, ask(guarded, path, "Authorization", "Bearer "), path)
		require.Equal(t, 401, ask(guarded, path, "Authorization", "Bearer "+reader+"x"), path)
		require.Equal(t, 401, ask(guarded, path, "Authorization", reader), path)
		require.Equal(t, 200, ask(guarded, path, "Authorization", "Bearer "+reader), path)
		require.Equal(t, 200, ask(guarded, path, TokenHeader, reader), path)
		require.Equal(t, 200, ask(guarded, path, "Authorization", "Bearer "+admin), path)
		require.Equal(t, 200, ask(Guard{Token: fixed(""), AdminToken: fixed(admin)}, path), path)
	}
	for _, path := range []string{"/livez", "/version", "/", "/status.js", "/readyz?for=balancer"} {
		require.Equal(t, 200, ask(guarded, path), path)
	}
}

// Connections that are only held open keep nobody out, and are not more than the limit; one with a request is not cut.
func TestConnectionsAreLimited(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(begun)
			<-release
		}
		_, _ = io.WriteString(w, "ok")
	}), ReadHeaderTimeout: time.Minute}
	LimitConnections(server, 4)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		server.Close()
		<-ended
	})
	url := "http://" + listener.Addr().String()
	get := func(path string) error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		request, _ := http.NewRequestWithContext(ctx, http.MethodGet, url+path, nil)
		response, err := client.Do(request)
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
		return err
	}
	slow := make(chan error, 1)
	go func() { slow <- get("/slow") }()
	<-begun

	var held []net.Conn
	for range 100 {
		conn, err := net.Dial("tcp", listener.Addr().String())
		require.NoError(t, err)
		defer conn.Close()
		_, _ = conn.Write([]byte("G")) // a header that does not end
		held = append(held, conn)
		if len(held)%10 == 0 {
			require.NoError(t, get("/"))
			client.CloseIdleConnections()
		}
	}
	for _, conn := range held[:90] { // those that are left are among the last
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
		_, err := conn.Read(make([]byte, 1))
		require.Error(t, err)
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	}
	close(release)
	require.NoError(t, <-slow)
}
