package nextcloud

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/internal/testkit/certtest"
	"github.com/notifypush/notifypush/transport"
	"github.com/stretchr/testify/require"
)

var alice = actors.Credentials{Login: "alice@example.com", Password: "pässword:1", Forwarded: "203.0.113.1, 192.0.2.9"}

// nextcloudAt returns a Nextcloud that answers with handler; options may be nil.
func nextcloudAt(t testing.TB, handler http.HandlerFunc, options func(o *Options)) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return newTestClient(t, server.URL, options)
}

func newTestClient(t testing.TB, url string, options func(o *Options)) *Client {
	t.Helper()
	o := Options{BaseURL: url + "/", Timeout: time.Minute}
	if options != nil {
		options(&o)
	}
	nextcloud, err := New(o)
	require.NoError(t, err)
	t.Cleanup(nextcloud.Close)
	return nextcloud
}

// serve serves a handler on a listener until the test ends.
func serve(t *testing.T, listener net.Listener, handler http.Handler) {
	server := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close() })
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// silence never answers.
func silence(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// drip answers at once and then sends a little of the body now and again, without end.
func drip(w http.ResponseWriter, r *http.Request) {
	for {
		fmt.Fprint(w, "a")
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestVerifyAsksForTheUserID(t *testing.T) {
	var asked *http.Request
	answer := func(w http.ResponseWriter, r *http.Request) {
		asked = r
		fmt.Fprint(w, "alice")
	}
	nextcloud := nextcloudAt(t, answer, nil)
	user, err := nextcloud.Verify(t.Context(), alice)
	require.NoError(t, err)
	require.Equal(t, "alice", user.User)
	require.Equal(t, "GET /index.php/apps/notify_push/uid", asked.Method+" "+asked.URL.String())
	login, password, ok := asked.BasicAuth()
	require.True(t, ok)
	require.Equal(t, []string{"alice@example.com", "pässword:1"}, []string{login, password})
	require.Equal(t, "203.0.113.1, 192.0.2.9", asked.Header.Get("X-Forwarded-For"))
	require.NotContains(t, asked.Header, "User-Agent")
	require.NotContains(t, asked.Header, "Accept-Encoding", "a small answer could inflate to a large one")

	_, err = nextcloud.Verify(t.Context(), actors.Credentials{Login: "alice"})
	require.NoError(t, err)
	require.NotContains(t, asked.Header, "X-Forwarded-For", "nothing is forwarded for a unix socket without a chain")

	nextcloud = nextcloudAt(t, answer, func(o *Options) {
		o.UserAgent = "push/1"
		o.BaseURL += "some/folder" // without the slash that it should end with
	})
	_, err = nextcloud.Verify(t.Context(), alice)
	require.NoError(t, err)
	require.Equal(t, "/some/folder/index.php/apps/notify_push/uid", asked.URL.String())
	require.Equal(t, "push/1", asked.UserAgent())
}

func TestVerifyTakesUserIDsAsTheyAre(t *testing.T) {
	for _, id := range []string{
		"alice", "alice smith", "alice@example.com", `a"l'i<ce`, "12345", "ALICE", "päül", "👩‍💻", strings.Repeat("a", 64), strings.Repeat("👩", 64),
	} {
		user, err := nextcloudAt(t, says(200, id), nil).Verify(t.Context(), alice)
		require.NoError(t, err, id)
		require.Equal(t, id, user.User)
	}
	user, err := nextcloudAt(t, says(200, "\n alice\r\n"), nil).Verify(t.Context(), alice)
	require.NoError(t, err)
	require.Equal(t, "alice", user.User, "PHP files that begin with an empty line put it before every answer")
}

func TestVerifyAndBadAnswers(t *testing.T) {
	ofOneLogin := []string{"throttled", "forbidden", "lines", "not UTF-8", "long", "long with blanks", "5 MB", "5 MB of refusal"}
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		want   string // of the text that the client is sent
	}{
		{"500", says(500, "alice"), "Nextcloud answered 500 Internal Server Error"},
		{"maintenance", says(503, "<html>"), "Nextcloud answered 503 Service Unavailable"},
		{"throttled", says(429, ""), "Nextcloud answered 429 Too Many Requests"},
		{"forbidden", says(403, ""), "Nextcloud answered 403 Forbidden"},
		{"no such app", says(404, ""), "Nextcloud answered 404 Not Found"},
		{"untrusted domain", says(400, strings.Repeat(" ", 20_000)+`<a href="https://docs.example/?to=admin-trusted-domains">`), "127.0.0.1 is not configured as a trusted domain for the nextcloud server"},
		{"no content", says(204, ""), "Nextcloud answered 204 No Content"},
		{"an unknown status", says(599, ""), "Nextcloud answered 599 "},
		{"HTML", says(200, "\n<!DOCTYPE html><p>Log in</p>"), "Nextcloud answered with a web page"},
		{"nothing", says(200, ""), "Nextcloud answered with nothing"},
		{"blanks", says(200, " \n "), "Nextcloud answered with nothing"},
		{"lines", says(200, "alice\nbob"), "Nextcloud answered with something that is not a line of text"},
		{"not UTF-8", says(200, "al\xffice"), "Nextcloud answered with something that is not a line of text"},
		{"long", says(200, strings.Repeat("a", maxAnswer+1)), "Nextcloud answered with too long a text"},
		{"long with blanks", says(200, "a"+strings.Repeat(" ", maxAnswer)), "Nextcloud answered with too long a text"},
		{"5 MB", says(200, strings.Repeat("a", 5<<20)), "Nextcloud answered with too long a text"},
		{"5 MB of refusal", says(403, strings.Repeat("a", 5<<20)), "Nextcloud answered 403 Forbidden"},
		{"a redirect to the login page", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/login" {
				fmt.Fprint(w, "<html>")
				return
			}
			http.Redirect(w, r, "/login", http.StatusSeeOther)
		}, "Nextcloud answered with a web page"},
		{"redirects without end", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, "Nextcloud answered 302 Found"},
		{"hung up", func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			_ = conn.Close()
		}, "Nextcloud cannot be reached"},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5")
			fmt.Fprint(w, "ali")
		}, "Nextcloud cannot be reached"},
		{"a header of 1 MB", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("a", 1<<20)) }, "Nextcloud cannot be reached"},
	} {
		t.Run(test.name, func(t *testing.T) {
			user, err := nextcloudAt(t, test.answer, nil).Verify(t.Context(), alice)
			require.EqualError(t, err, test.want)
			require.Empty(t, user.User)
			requireDiscreet(t, err)
			require.Equal(t, slices.Contains(ofOneLogin, test.name), errors.Is(err, actors.ErrOneLogin))
		})
	}
}

// requireDiscreet fails where an error tells secrets, or tells clients where Nextcloud is.
func requireDiscreet(t testing.TB, err error) {
	t.Helper()
	var failure *Error
	require.ErrorAs(t, err, &failure)
	require.NotContains(t, failure.Text, "http://")
	basic := base64.StdEncoding.EncodeToString([]byte(alice.Login + ":" + alice.Password.Reveal()))
	for _, secret := range []string{alice.Password.Reveal(), url.PathEscape(alice.Password.Reveal()), basic} {
		require.NotContains(t, failure.Detail(), secret)
	}
}

func TestVerifyRefusal(t *testing.T) {
	_, err := nextcloudAt(t, says(401, `{"message":"Current user is not logged in"}`), nil).Verify(t.Context(), alice)
	require.ErrorIs(t, err, actors.ErrInvalidCredentials)
}

// TestVerifyAndAWebServersPassword has a web server in front ask for a password of its own, which is no wrong password of this user.
func TestVerifyAndAWebServersPassword(t *testing.T) {
	guarded := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Basic realm="closed shop"`)
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, "<html>401 Authorization Required</html>")
	}
	_, err := nextcloudAt(t, guarded, nil).Verify(t.Context(), alice)
	require.NotErrorIs(t, err, actors.ErrInvalidCredentials)
	require.NotErrorIs(t, err, actors.ErrOneLogin, "it concerns every login")
	require.EqualError(t, err, `a web server in front of Nextcloud asks for a password of its own (realm "closed shop")`)
	requireDiscreet(t, err)
	own := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Basic realm="Nextcloud", charset="UTF-8"`)
		w.WriteHeader(http.StatusUnauthorized)
	}
	_, err = nextcloudAt(t, own, nil).Verify(t.Context(), alice)
	require.ErrorIs(t, err, actors.ErrInvalidCredentials)
}

func TestVerifyAndASlowNextcloud(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"no answer":       silence,
		"a slow body":     drip,
		"a slow 400 page": func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusBadRequest); silence(w, r) },
	} {
		t.Run(name, func(t *testing.T) {
			nextcloud := nextcloudAt(t, answer, func(o *Options) { o.Timeout = 50 * time.Millisecond })
			_, err := nextcloud.Verify(t.Context(), alice)
			require.Error(t, err)
			requireDiscreet(t, err)
			if name == "no answer" {
				require.EqualError(t, err, "Nextcloud did not answer within 50ms")
			}
		})
	}
	t.Run("the caller gives up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		nextcloud := nextcloudAt(t, func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			<-r.Context().Done()
		}, nil)
		_, err := nextcloud.Verify(ctx, alice)
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestVerifyAndNoNextcloud(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	_, err := newTestClient(t, server.URL, nil).Verify(t.Context(), alice)
	require.EqualError(t, err, "Nextcloud cannot be reached")
	requireDiscreet(t, err)
	var failure *Error
	require.ErrorAs(t, err, &failure)
	require.Contains(t, failure.Detail(), "connection refused")
	require.Contains(t, failure.Detail(), server.URL)
}

func TestVerifyFollowsNextcloudOnly(t *testing.T) {
	arrived := func(w http.ResponseWriter, r *http.Request) {
		if login, _, _ := r.BasicAuth(); login != alice.Login || r.Header.Get("X-Forwarded-For") != alice.Forwarded {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, "alice")
	}
	t.Run("to another path, and then to TLS", func(t *testing.T) {
		encrypted := httptest.NewTLSServer(http.HandlerFunc(arrived))
		t.Cleanup(encrypted.Close)
		nextcloud := nextcloudAt(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/moved" {
				http.Redirect(w, r, encrypted.URL, http.StatusMovedPermanently)
				return
			}
			http.Redirect(w, r, "/moved", http.StatusFound)
		}, func(o *Options) { o.AllowSelfSigned = true })
		user, err := nextcloud.Verify(t.Context(), alice)
		require.NoError(t, err)
		require.Equal(t, "alice", user.User)
	})

	for _, test := range []struct {
		name      string
		encrypted bool
		host      string // that it is redirected to
	}{
		{"to another host", false, "localhost"},
		{"to another port", false, "127.0.0.1"}, // where the operators' pages of this server may be
		{"from TLS to none", true, "127.0.0.1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var visits atomic.Int32
			other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				visits.Add(1)
				fmt.Fprint(w, "mallory")
			}))
			t.Cleanup(other.Close)
			_, port, _ := net.SplitHostPort(other.Listener.Addr().String())
			start := httptest.NewUnstartedServer(http.RedirectHandler("http://"+net.JoinHostPort(test.host, port)+"/", http.StatusFound))
			if test.encrypted {
				start.StartTLS()
			} else {
				start.Start()
			}
			t.Cleanup(start.Close)
			nextcloud := newTestClient(t, start.URL, func(o *Options) { o.AllowSelfSigned = true })
			_, err := nextcloud.Verify(t.Context(), alice)
			require.EqualError(t, err, "Nextcloud answered 302 Found")
			require.Zero(t, visits.Load(), "credentials were sent there")
			var failure *Error
			require.ErrorAs(t, err, &failure)
			require.Contains(t, failure.Detail(), "redirects to http://"+test.host)
		})
	}
}

func TestConnectToKeepsTheName(t *testing.T) {
	authority := certtest.NewAuthority(t, t.TempDir())
	cert, key := authority.Issue("cloud.example", "cloud.example", "127.0.0.1")
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s", r.Host, r.TLS.ServerName)
	})
	path := filepath.Join(t.TempDir(), "s")
	for name, at := range map[string]transport.ListenOptions{
		"host:port":   {Bind: "127.0.0.1", TLSCert: cert, TLSKey: key},
		"unix socket": {SocketPath: path, TLSCert: cert, TLSKey: key},
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := transport.Listen(t.Context(), at)
			require.NoError(t, err)
			serve(t, listener, echo)
			nextcloud, err := New(Options{
				BaseURL:   "https://cloud.example/",
				ConnectTo: listener.Addr().String(),
				CAFile:    authority.CA,
			})
			require.NoError(t, err)
			defer nextcloud.Close()
			require.Nil(t, nextcloud.client.Transport.(*http.Transport).Proxy, "a proxy would be connected to instead")
			user, err := nextcloud.Verify(t.Context(), alice)
			require.NoError(t, err)
			require.Equal(t, "cloud.example cloud.example", user.User)
		})
	}
}

func TestTrust(t *testing.T) {
	authority := certtest.NewAuthority(t, t.TempDir())
	for _, test := range []struct {
		name string
		host string // in the certificate
		trusting, self,
		accepted bool
	}{
		{"an authority that we trust", "127.0.0.1", true, false, true},
		{"an unknown authority", "127.0.0.1", false, false, false},
		{"an unknown authority, allowed", "127.0.0.1", false, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			cert, key := authority.Issue(test.host, test.host, "127.0.0.1")
			listener, err := transport.Listen(t.Context(), transport.ListenOptions{Bind: "127.0.0.1", TLSCert: cert, TLSKey: key})
			require.NoError(t, err)
			serve(t, listener, says(200, "alice"))
			nextcloud := newTestClient(t, "https://"+listener.Addr().String(), func(o *Options) {
				o.AllowSelfSigned = test.self
				if test.trusting {
					o.CAFile = authority.CA
				}
			})
			_, err = nextcloud.Verify(t.Context(), alice)
			if test.accepted {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, "Nextcloud cannot be reached")
			var failure *Error
			require.ErrorAs(t, err, &failure)
			require.Contains(t, failure.Detail(), "unknown authority")
		})
	}
}

func TestNewRefuses(t *testing.T) {
	for _, test := range []struct {
		name    string
		options Options
		want    string
	}{
		{"no URL", Options{}, `the URL of Nextcloud is ""`},
		{"no scheme", Options{BaseURL: "cloud.example"}, `the URL of Nextcloud is "cloud.example"`},
		{"another scheme", Options{BaseURL: "ftp://cloud.example"}, `"ftp://cloud.example"`},
		{"not a URL", Options{BaseURL: "https://user:secret@[::1"}, "cannot be parsed"},
		{"a user", Options{BaseURL: "https://user:secret@cloud.example"}, "https://user:xxxxx@cloud.example, must not hold a user name"},
		{"no such file", Options{BaseURL: "https://cloud.example", CAFile: "/nowhere/ca.pem"}, "/nowhere/ca.pem"},
		{"not a certificate", Options{BaseURL: "https://cloud.example", CAFile: "client_test.go"}, "no certificate in PEM form in client_test.go"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := New(test.options)
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "secret")
		})
	}
}

func TestDefaults(t *testing.T) {
	nextcloud, err := New(Options{BaseURL: "https://cloud.example"})
	require.NoError(t, err)
	require.Equal(t, 20*time.Second, nextcloud.timeout)
	require.Equal(t, 32, nextcloud.client.Transport.(*http.Transport).MaxIdleConnsPerHost)
}

// As many logins as are usually under way find a connection that is open already.
func TestConnectionsAreKept(t *testing.T) {
	const concurrency = 8
	var opened atomic.Int32
	arrived, answer := make(chan struct{}), make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-answer
		fmt.Fprint(w, "alice")
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	nextcloud := newTestClient(t, server.URL, func(o *Options) { o.Concurrency = concurrency })
	for range 3 {
		done := make(chan error)
		for range concurrency {
			go func() {
				_, err := nextcloud.Verify(t.Context(), alice)
				done <- err
			}()
		}
		for range concurrency { // all are there before the first is answered
			<-arrived
		}
		for range concurrency {
			answer <- struct{}{}
		}
		for range concurrency {
			require.NoError(t, <-done)
		}
	}
	require.EqualValues(t, concurrency, opened.Load())
}

func TestTestCookie(t *testing.T) {
	const token = actors.Secret("s3cret-token")
	var asked *http.Request
	nextcloud := nextcloudAt(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r
		fmt.Fprint(w, "4294967295\n")
	}, nil)
	cookie, err := nextcloud.TestCookie(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, uint32(4294967295), cookie)
	require.Equal(t, "/index.php/apps/notify_push/test/cookie", asked.URL.Path)
	require.Equal(t, token.Reveal(), asked.Header.Get("token"))

	for _, answer := range []string{"-1", "4294967296", "zero"} {
		_, err := nextcloudAt(t, says(200, answer), nil).TestCookie(t.Context(), token)
		require.EqualError(t, err, "Nextcloud did not answer with a number")
	}
	_, err = nextcloudAt(t, says(400, "admin-trusted-domains"), nil).TestCookie(t.Context(), token)
	require.EqualError(t, err, "127.0.0.1 is not configured as a trusted domain for the nextcloud server")
	_, err = nextcloudAt(t, says(401, ""), nil).TestCookie(t.Context(), token)
	require.EqualError(t, err, "Nextcloud answered 401 Unauthorized")
}

func TestTestRemote(t *testing.T) {
	var asked *http.Request
	nextcloud := nextcloudAt(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r
		fmt.Fprint(w, "192.0.2.1")
	}, nil)
	remote, err := nextcloud.TestRemote(t.Context(), "s3cret-token", netip.MustParseAddr("1.2.3.4"))
	require.NoError(t, err)
	require.Equal(t, "192.0.2.1", remote)
	require.Equal(t, "/index.php/apps/notify_push/test/remote", asked.URL.Path)
	require.Equal(t, "s3cret-token", asked.Header.Get("token"))
	require.Equal(t, "1.2.3.4", asked.Header.Get("X-Forwarded-For"))
}

func TestTestVersion(t *testing.T) {
	for _, body := range []string{"", "null"} {
		var asked *http.Request
		nextcloud := nextcloudAt(t, func(w http.ResponseWriter, r *http.Request) {
			asked = r
			fmt.Fprint(w, body)
		}, nil)
		require.NoError(t, nextcloud.TestVersion(t.Context()))
		require.Equal(t, "/index.php/apps/notify_push/test/version", asked.URL.Path)
	}
	require.EqualError(t, nextcloudAt(t, says(404, ""), nil).TestVersion(t.Context()), "Nextcloud answered 404 Not Found")
}
