package cli

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/client"
	"github.com/notifypush/notifypush/storage/storagetest"
)

// outcome is what a person sees of a command.
type outcome struct {
	status         int
	stdout, stderr string
}

// command runs notify_push with these arguments.
func command(ctx context.Context, stdin string, arguments ...string) outcome {
	var stdout, stderr bytes.Buffer
	err := run(&process{ctx: ctx, stdin: strings.NewReader(stdin), stdout: &stdout, stderr: &stderr}, arguments)
	status := 0
	if exit := exitStatus(1); errors.As(err, &exit) {
		status = int(exit)
	} else if err != nil {
		status = 1
		fmt.Fprintln(&stderr, err)
	}
	return outcome{status, stdout.String(), stderr.String()}
}

// pushScript is what a push server does after it let alice in.
type pushScript func(ctx context.Context, ws *websocket.Conn)

func saying(texts ...string) pushScript {
	return func(ctx context.Context, ws *websocket.Conn) {
		for _, text := range texts {
			_ = ws.Write(ctx, websocket.MessageText, []byte(text))
		}
		ws.Read(ctx)
	}
}

// testCloud is a Nextcloud and its push server behind one address. The password is "secret", the token "ticket".
type testCloud struct {
	*httptest.Server
	script  pushScript
	refusal string // what a wrong login is answered
	names   string // another push server than itself, for clients; empty for itself
	logins  atomic.Int32
}

func newTestCloud(t *testing.T, start func(http.Handler) *httptest.Server, script pushScript) *testCloud {
	c := &testCloud{script: script, refusal: "err: Invalid credentials"}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ocs/v2.php/cloud/capabilities", c.capabilities)
	mux.HandleFunc("POST /pre_auth", c.preAuth)
	mux.HandleFunc("GET /push/ws", c.push)
	c.Server = start(mux)
	c.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(c.Close)
	return c
}

func (c *testCloud) websocket() string {
	return "ws" + strings.TrimPrefix(c.URL, "http") + "/push/ws"
}

func isAlice(r *http.Request) bool {
	user, password, _ := r.BasicAuth()
	return user == "alice" && password == "secret"
}

func (c *testCloud) capabilities(w http.ResponseWriter, r *http.Request) {
	switch user, _, _ := r.BasicAuth(); {
	case user == "":
		io.WriteString(w, `{"ocs":{"data":{"capabilities":{"core":{}}}}}`)
	case !isAlice(r):
		w.WriteHeader(http.StatusUnauthorized)
	default:
		fmt.Fprintf(w, `{"ocs":{"data":{"capabilities":{"notify_push":{"type":["files"],"endpoints":{"websocket":%q,"pre_auth":%q}}}}}}`, cmp.Or(c.names, c.websocket()), c.URL+"/pre_auth")
	}
}

func (c *testCloud) preAuth(w http.ResponseWriter, r *http.Request) {
	if isAlice(r) {
		io.WriteString(w, "ticket")
	}
}

func (c *testCloud) push(w http.ResponseWriter, r *http.Request) {
	ws, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer ws.CloseNow()
	_, user, _ := ws.Read(r.Context())
	_, secret, _ := ws.Read(r.Context())
	switch login := string(user) + ":" + string(secret); login {
	case "alice:secret", ":ticket":
		c.logins.Add(1)
		_ = ws.Write(r.Context(), websocket.MessageText, []byte("authenticated"))
		c.script(r.Context(), ws)
	default:
		_ = ws.Write(r.Context(), websocket.MessageText, []byte(c.refusal))
		ws.Close(websocket.StatusPolicyViolation, "")
	}
}

func TestListenPrintsEveryPush(t *testing.T) {
	cloud := newTestCloud(t, httptest.NewServer, saying("notify_file", "notify_activity", `chat {"a":1}`, "sly \x1b[2J"))
	got := command(t.Context(), "", "listen", cloud.URL, "alice", "secret", "--count", "4")

	require.Equal(t, 0, got.status, got.stderr)
	var texts []string
	lines := bufio.NewScanner(strings.NewReader(got.stdout))
	for lines.Scan() {
		stamp, text, _ := strings.Cut(lines.Text(), "  ")
		_, err := time.Parse(time.RFC3339, stamp)
		require.NoError(t, err)
		texts = append(texts, text)
	}
	require.Equal(t, []string{"notify_file", "notify_activity", `chat {"a":1}`, "sly \\x1b[2J"}, texts)
	require.Contains(t, got.stderr, cloud.websocket(), "it says where the push server is")
}

func TestListenPrintsJSON(t *testing.T) {
	cloud := newTestCloud(t, httptest.NewServer, func(ctx context.Context, ws *websocket.Conn) {
		if _, asked, _ := ws.Read(ctx); string(asked) == "listen notify_file_id" {
			saying("notify_file_id [1,2]", `chat {"a":1}`)(ctx, ws)
		}
	})
	got := command(t.Context(), "", "listen", cloud.URL, "alice", "secret", "--file-ids", "--json", "--count=2")

	require.Equal(t, 0, got.status, got.stderr)
	decoder := json.NewDecoder(strings.NewReader(got.stdout))
	for _, want := range []client.Push{
		{Kind: client.FileIDs, FileIDs: []uint64{1, 2}},
		{Kind: client.Custom, Message: "chat", Body: json.RawMessage(`{"a":1}`)},
	} {
		var push client.Push
		require.NoError(t, decoder.Decode(&push))
		require.False(t, push.At.IsZero())
		push.At = time.Time{}
		require.Equal(t, want, push)
	}
}

func TestListenLogsInEveryWay(t *testing.T) {
	cloud := newTestCloud(t, httptest.NewServer, saying("notify_file"))
	tests := map[string]struct {
		environment, stdin string
		arguments          []string
	}{
		"password as an argument":      {arguments: []string{cloud.URL, "alice", "secret"}},
		"password from standard input": {stdin: "secret\n", arguments: []string{cloud.URL, "alice", "-"}},
		"password from a variable":     {environment: "secret", arguments: []string{cloud.URL, "alice"}},
		"straight to the push server":  {arguments: []string{cloud.websocket(), "alice", "secret"}},
		"token":                        {arguments: []string{cloud.websocket(), "--token", "ticket"}},
		"token and Nextcloud":          {arguments: []string{cloud.URL, "alice", "secret", "--token", "ticket"}},
		"token made by Nextcloud":      {arguments: []string{cloud.URL, "alice", "secret", "--pre-auth"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Setenv("NOTIFY_PUSH_PASSWORD", test.environment)
			got := command(t.Context(), test.stdin, append([]string{"listen", "--count=1"}, test.arguments...)...)
			require.Equal(t, 0, got.status, got.stderr)
			require.Contains(t, got.stdout, "notify_file")
		})
	}
}

func TestListenRefusesArgumentsThatDoNotFit(t *testing.T) {
	for _, arguments := range [][]string{
		{},
		{"https://localhost"},
		{"https://localhost", "alice"},
		{"wss://localhost/ws", "alice", "secret", "--pre-auth"},
		{"https://localhost", "--pre-auth", "--token=x"},
		{"https://localhost", "alice", "secret", "--timeout=soon"},
		{"https://localhost", "alice", "secret", "--timeout=-1s"},
	} {
		got := command(t.Context(), "", append([]string{"listen"}, arguments...)...)
		require.Equal(t, 2, got.status, "%v: %s", arguments, got.stderr)
		require.NotEmpty(t, got.stderr)
	}
}

func TestListenSaysWhatIsWrong(t *testing.T) {
	cloud := newTestCloud(t, httptest.NewServer, saying())
	encrypted := newTestCloud(t, httptest.NewTLSServer, saying())
	answering := func(status int, body string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, body)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	refusing := func(refusal string) string {
		cloud := newTestCloud(t, httptest.NewServer, nil)
		cloud.refusal = refusal
		return cloud.websocket()
	}
	websocketOf := func(address string) string { return "ws" + strings.TrimPrefix(address, "http") }
	closed := fmt.Sprintf("127.0.0.1:%d", storagetest.FreePort(t))

	tests := map[string]struct {
		url    string
		status int
		says   string
	}{
		"wrong password for Nextcloud":       {cloud.URL, 3, "app password"},
		"wrong password for the push server": {cloud.websocket(), 3, "app password"},
		"no push server":                     {answering(200, `{"ocs":{"data":{"capabilities":{"core":{}}}}}`), 4, "occ notify_push:setup"},
		"not a Nextcloud":                    {answering(200, "<html>"), 1, "not the answer of a Nextcloud"},
		"no such page":                       {answering(404, ""), 1, "If it is in a folder"},
		"untrusted domain":                   {answering(400, ""), 1, "trusted_domains"},
		"too many wrong passwords":           {answering(429, ""), 1, "bruteforce"},
		"maintenance":                        {answering(503, ""), 1, "maintenance"},
		"nobody listens":                     {"http://" + closed, 1, "Nothing listens"},
		"unknown certificate":                {encrypted.URL, 1, "--allow-self-signed"},
		"no TLS there":                       {"https" + strings.TrimPrefix(cloud.URL, "http"), 1, "There is no TLS"},
		"Upgrade is lost":                    {websocketOf(answering(426, "Upgrade is missing")), 1, "proxy_set_header Upgrade"},
		"Upgrade is lost, official daemon":   {websocketOf(answering(400, "Invalid request")), 1, "proxy_set_header Upgrade"},
		"Nextcloud instead":                  {websocketOf(answering(404, "<html>")), 1, "/push/"},
		"the daemon is down":                 {websocketOf(answering(502, "")), 1, "cannot reach the push server"},
		"the daemon is full":                 {websocketOf(answering(503, "")), 1, "all the connections"},
		"the proxy refuses":                  {websocketOf(answering(403, "")), 1, "proxy refuses"},
		"too many connections":               {refusing("Connection limit exceeded for user"), 1, "--max-connections-per-user"},
		"slow login":                         {refusing("Authentication timeout"), 1, "15 s"},
		"garbled login":                      {refusing("err: Invalid authentication message"), 1, "changes the messages"},
		"Nextcloud away":                     {refusing("err: Error while sending authentication request to nextcloud: 502"), 1, "notify_push check"},
		"a bad address":                      {"https://", 1, "is not like https://cloud.example.com"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := command(t.Context(), "", "listen", test.url, "alice", "mistaken", "--count=1")
			assert.Equal(t, test.status, got.status)
			assert.Contains(t, got.stderr, test.says)
			assert.Empty(t, got.stdout)
			assert.NotContains(t, got.stderr, "mistaken", "the password is not shown")
		})
	}

	t.Run("https Nextcloud, push server without encryption", func(t *testing.T) {
		named := newTestCloud(t, httptest.NewTLSServer, saying("notify_activity"))
		named.names = cloud.websocket()
		arguments := []string{"listen", named.URL, "alice", "secret", "--count=1", "--allow-self-signed"}
		logins := cloud.logins.Load()
		got := command(t.Context(), "", arguments...)
		assert.Equal(t, 1, got.status)
		for _, words := range []string{cloud.websocket(), "desktop clients refuse this address", "notify_push:setup", "--insecure"} {
			assert.Contains(t, got.stderr, words)
		}
		assert.Equal(t, logins, cloud.logins.Load(), "no password is sent")
		insecure := newTestCloud(t, httptest.NewServer, saying("notify_activity"))
		named.names = insecure.websocket()
		assert.Zero(t, command(t.Context(), "", append(arguments, "--insecure")...).status)
	})
	t.Run("token without a login", func(t *testing.T) {
		got := command(t.Context(), "", "listen", cloud.URL, "--token=ticket")
		assert.Equal(t, 4, got.status)
		assert.Contains(t, got.stderr, "push server's own address")
	})
	t.Run("old token", func(t *testing.T) {
		got := command(t.Context(), "", "listen", cloud.websocket(), "--token=old")
		assert.Equal(t, 3, got.status)
		assert.Contains(t, got.stderr, "good for one login")
	})
	t.Run("token unknown to the push server", func(t *testing.T) {
		cloud := newTestCloud(t, func(handler http.Handler) *httptest.Server {
			return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/pre_auth" {
					io.WriteString(w, "ticket of another Redis")
					return
				}
				handler.ServeHTTP(w, r)
			}))
		}, nil)
		got := command(t.Context(), "", "listen", cloud.URL, "alice", "secret", "--pre-auth")
		assert.Equal(t, 1, got.status)
		assert.Contains(t, got.stderr, "another Redis")
	})
}

func TestAdviceForNetworksThatATestHasNot(t *testing.T) {
	for says, err := range map[string]error{
		"spelled right": &net.DNSError{Err: "no such host", Name: "cloud.example.con"},
		"a firewall":    os.ErrDeadlineExceeded,
		"another name":  &tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: &x509.Certificate{}, Host: "cloud.example.com"}},
	} {
		require.Contains(t, new(listenCommand).advise(fmt.Errorf("connect: %w", err)), says)
	}
}

func TestListenAcceptsASelfSignedCertificateWhenAsked(t *testing.T) {
	cloud := newTestCloud(t, httptest.NewTLSServer, saying("notify_file"))
	got := command(t.Context(), "", "listen", cloud.URL, "alice", "secret", "--allow-self-signed", "--count=1")
	require.Equal(t, 0, got.status, got.stderr)
	require.Contains(t, got.stdout, "notify_file")
}

func TestListenComesBack(t *testing.T) {
	var cloud *testCloud
	cloud = newTestCloud(t, httptest.NewServer, func(ctx context.Context, ws *websocket.Conn) {
		if cloud.logins.Load() == 1 {
			ws.Close(websocket.StatusServiceRestart, "server is going down")
			return
		}
		saying("notify_file")(ctx, ws)
	})
	got := command(t.Context(), "", "listen", cloud.URL, "alice", "secret", "--count=1")
	require.Equal(t, 0, got.status, got.stderr)
	require.Contains(t, got.stdout, "notify_file")
	require.Contains(t, got.stderr, "server is going down")
}

func TestListenEndsWhenATokensConnectionIsLost(t *testing.T) {
	cloud := newTestCloud(t, httptest.NewServer, func(_ context.Context, ws *websocket.Conn) {
		ws.Close(websocket.StatusServiceRestart, "")
	})
	got := command(t.Context(), "", "listen", cloud.websocket(), "--token=ticket")
	require.Equal(t, 1, got.status)
	require.Contains(t, got.stderr, "only once")
	require.Equal(t, int32(1), cloud.logins.Load())
}

func TestListenEndsInTime(t *testing.T) {
	cloud := newTestCloud(t, httptest.NewServer, saying())
	// A machine that is busy logs in later than after 50 ms: then more time is given.
	listen := func(format func(limit time.Duration) string, more ...string) (got outcome, limit time.Duration) {
		for limit = 50 * time.Millisecond; ; limit *= 2 {
			arguments := append([]string{"listen", cloud.URL, "alice", "secret", "--timeout=" + format(limit)}, more...)
			got = command(t.Context(), "", arguments...)
			if limit > patience || !strings.Contains(got.stderr, "there was no login") {
				return got, limit
			}
		}
	}
	got, _ := listen(func(limit time.Duration) string { return fmt.Sprint(limit.Seconds()) })
	require.Equal(t, 0, got.status, got.stderr)

	got, limit := listen(time.Duration.String, "--count=1")
	require.Equal(t, 5, got.status)
	require.Contains(t, got.stderr, limit.String())
}

func TestListenEndsWhenInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancelCause(t.Context())
	cloud := newTestCloud(t, httptest.NewServer, func(ctx context.Context, ws *websocket.Conn) {
		interrupt(errors.New("interrupt signal received"))
		ws.Read(ctx)
	})
	got := command(ctx, "", "listen", cloud.URL, "alice", "secret", "--count=1")
	require.Equal(t, 0, got.status, got.stderr)
	require.Equal(t, int32(1), cloud.logins.Load())
}

// TestListenDoesNotFollowRedirectsOfAWebsocket does as browsers and desktop clients do.
func TestListenDoesNotFollowRedirectsOfAWebsocket(t *testing.T) {
	var asked atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer elsewhere.Close()
	redirecting := httptest.NewServer(http.RedirectHandler(elsewhere.URL+"/ws", http.StatusMovedPermanently))
	defer redirecting.Close()
	got := command(t.Context(), "", "listen", "ws"+strings.TrimPrefix(redirecting.URL, "http")+"/ws", "alice", "secret")
	require.Equal(t, 1, got.status)
	require.Contains(t, got.stderr, "redirects to "+elsewhere.URL+"/ws")
	require.Contains(t, got.stderr, "do not follow redirects of a websocket")
	require.Contains(t, got.stderr, "nginx: location ^~ /push/ {")
	require.Zero(t, asked.Load())
}

// TestListenWithoutALoginFails ends with another status than 0 where the time is over before there was a login.
func TestListenWithoutALoginFails(t *testing.T) {
	silent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ws" {
			ws, err := websocket.Accept(w, r, nil)
			if err == nil {
				defer ws.CloseNow()
				for err == nil {
					_, _, err = ws.Read(r.Context())
				}
			}
			return
		}
		<-r.Context().Done()
	}))
	defer silent.Close()
	for _, address := range []string{silent.URL, "ws" + strings.TrimPrefix(silent.URL, "http") + "/ws"} {
		got := command(t.Context(), "", "listen", address, "alice", "secret", "--timeout=100ms")
		require.Equal(t, 5, got.status, got.stderr)
		require.Contains(t, got.stderr, "there was no login within 100ms")
	}
}

// TestListenKnowsAWebServersPassword tells a password dialog of a web server from Nextcloud's refusal.
func TestListenKnowsAWebServersPassword(t *testing.T) {
	guarded := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Basic realm="closed shop"`)
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, "<html>")
	}))
	defer guarded.Close()
	for _, address := range []string{guarded.URL, "ws" + strings.TrimPrefix(guarded.URL, "http") + "/ws"} {
		got := command(t.Context(), "", "listen", address, "alice", "secret")
		require.Equal(t, 1, got.status, "not as for a wrong password")
		require.Contains(t, got.stderr, `realm "closed shop"`)
		require.Contains(t, got.stderr, "nginx: auth_basic off;")
		require.NotContains(t, got.stderr, "secret")
	}
}
