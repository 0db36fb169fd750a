package doctor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/notifypush/notifypush/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// roundTrip answers requests.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// says answers everything with a status, a body, and headers.
func says(status int, body string, headers ...string) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		recorder := httptest.NewRecorder()
		for i := 0; i < len(headers); i += 2 {
			recorder.Header().Set(headers[i], headers[i+1])
		}
		recorder.WriteHeader(status)
		_, _ = recorder.WriteString(body)
		response := recorder.Result()
		response.Request = r
		return response, nil
	}
}

// examination returns one of a site that answers so, and what it finds.
func newExamination(t *testing.T, address string, answer roundTrip) (*examination, *[]Finding) {
	var findings []Finding
	e := &examination{Options: Options{URL: address, User: "alice", Password: "secret", Report: func(f Finding) { findings = append(findings, f) }}}
	e.readAddress(t.Context())
	if e.client != nil {
		e.client.Transport = answer
	}
	return e, &findings
}

func capabilities(websocket, preAuth string) string {
	return `{"ocs":{"data":{"capabilities":{"core":{},"notify_push":{"type":["files"],"endpoints":{"websocket":"` + websocket + `","pre_auth":"` + preAuth + `"}}}}}}`
}

// TestCapabilities has Nextcloud name what no client can use.
func TestCapabilities(t *testing.T) {
	const site = "https://cloud.example.com"
	for _, test := range []struct {
		name    string
		preAuth bool
		answer  roundTrip
		status  Status
		words   []string
	}{
		{"good", false, says(200, capabilities("wss://cloud.example.com/push/ws", "https://cloud.example.com/pre")), Green, []string{"wss://cloud.example.com/push/ws"}},
		{"ws after https", false, says(200, capabilities("ws://cloud.example.com/push/ws", "")), Red, []string{"not encrypted although Nextcloud is", "occ notify_push:setup https://cloud.example.com/push", "overwrite.cli.url"}},
		{"localhost", false, says(200, capabilities("wss://localhost/push/ws", "")), Red, []string{"the client's own machine", "occ notify_push:setup https://cloud.example.com/push"}},
		{"127.0.0.1", false, says(200, capabilities("ws://127.0.0.1:7867/ws", "")), Red, []string{"occ notify_push:setup"}},
		{"a token on http", true, says(200, capabilities("wss://cloud.example.com/push/ws", "http://cloud.example.com/pre")), Red, []string{"http://cloud.example.com/pre", "overwriteprotocol"}},
		{"no address", false, says(200, capabilities("https://cloud.example.com", "")), Red, []string{"occ notify_push:setup"}},
		{"a password in the address", false, says(200, capabilities("wss://x:secret@cloud.example.com/push/ws", "")), Green, []string{"wss://cloud.example.com/push/ws"}},
		{"no push", false, says(200, `{"ocs":{"data":{"capabilities":{"core":{}}}}}`), Red, []string{"occ app:install notify_push"}},
		{"a redirect", false, says(301, "", "Location", "https://www.example.com/"), Red, []string{"https://www.example.com/", "Give the address that browsers end at."}},
		{"an untrusted domain", false, says(400, ""), Red, []string{"trusted_domains"}},
		{"a page that is not there", false, says(404, ""), Red, []string{"If it is in a folder"}},
		{"too many wrong passwords", false, says(429, ""), Red, []string{"bruteforce"}},
		{"maintenance", false, says(503, ""), Red, []string{"maintenance"}},
		{"a web server's password", false, says(401, "<html>", "WWW-Authenticate", `Basic realm="closed shop"`, "Server", "nginx"), Red, []string{`realm "closed shop"`, "nginx: auth_basic off;"}},
		{"a wrong password", false, says(401, `{"ocs":{}}`), Red, []string{"Nextcloud refuses user and password", "app password"}},
		{"no web server", false, func(*http.Request) (*http.Response, error) { return nil, errors.New("no route to host") }, Red, []string{"no route to host"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			e, findings := newExamination(t, site, test.answer)
			e.PreAuth = test.preAuth
			e.discover(t.Context())
			require.Len(t, *findings, 1)
			f := (*findings)[0]
			require.Equal(t, test.status, f.Status)
			text := f.Detail + "\n" + f.Advice + "\n" + strings.Join(f.Lines, "\n")
			for _, word := range test.words {
				require.Contains(t, text, word)
			}
			require.NotContains(t, text, "secret")
		})
	}
}

func TestAddress(t *testing.T) {
	for address, want := range map[string]string{
		"cloud.example.com":                   "https://cloud.example.com",
		"http://cloud.example.com/x":          "http://cloud.example.com/x",
		"https://u:secret@cloud.example.com/": "https://cloud.example.com/",
		"ftp://u:secret@cloud.example.com":    "",
		"https://":                            "",
	} {
		e, findings := newExamination(t, address, nil)
		require.Equal(t, want == "", e.broken, address)
		if want != "" {
			require.Equal(t, want, e.site.String())
		}
		for _, f := range *findings {
			require.NotContains(t, f.Detail+f.Advice, "secret")
		}
	}
}

// TestBothAddressFamilies has a name with an address of each, of which one, both or none answers.
func TestBothAddressFamilies(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	v4, v6, other := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1"), netip.MustParseAddr("127.0.0.2")
	for _, test := range []struct {
		name      string
		addresses []netip.Addr
		err       error
		step      string
		status    Status
		words     []string
	}{
		{"one", []netip.Addr{v4}, nil, "connect", Green, []string{"is 127.0.0.1"}},
		{"the other family does not answer", []netip.Addr{v6, v4}, nil, "connect", Yellow, []string{"answers at 127.0.0.1, not at ::1", "address family", "DNS record"}},
		{"none answers", []netip.Addr{v6, other}, nil, "connect", Red, []string{"::1", "127.0.0.2", "firewall"}},
		{"no such name", nil, errors.New("no such host"), "DNS", Red, []string{"no such host", "DNS record"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			e, findings := newExamination(t, "https://cloud.example.com:"+port, nil)
			e.lookup = func(context.Context, string, string) ([]netip.Addr, error) { return test.addresses, test.err }
			e.resolve(t.Context())
			require.Len(t, *findings, 1)
			f := (*findings)[0]
			require.Equal(t, test.step, f.Step)
			require.Equal(t, test.status, f.Status)
			for _, word := range test.words {
				require.Contains(t, f.Detail+"\n"+f.Advice, word)
			}
		})
	}
}

// TestCertificates tells the usual mistakes from each other.
func TestCertificates(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	sign := func(template, parent *x509.Certificate) *x509.Certificate {
		template.SerialNumber = big.NewInt(1)
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), key)
		require.NoError(t, err)
		certificate, err := x509.ParseCertificate(der)
		require.NoError(t, err)
		return certificate
	}
	now := time.Now()
	authority := sign(&x509.Certificate{Subject: pkix.Name{CommonName: "R3"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), IsCA: true, BasicConstraintsValid: true},
		&x509.Certificate{Subject: pkix.Name{CommonName: "Root"}})
	leaf := func(change func(*x509.Certificate)) *x509.Certificate {
		template := &x509.Certificate{Subject: pkix.Name{CommonName: "cloud"}, DNSNames: []string{"cloud.example.com"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
		parent := authority
		if change != nil {
			change(template)
		}
		return sign(template, parent)
	}
	self := func() *x509.Certificate {
		template := &x509.Certificate{Subject: pkix.Name{CommonName: "cloud"}, DNSNames: []string{"cloud.example.com"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
		return sign(template, template)
	}
	for _, test := range []struct {
		name      string
		chain     []*x509.Certificate
		words     []string
		forbidden string
	}{
		{"without the intermediate, of a public authority", []*x509.Certificate{leaf(func(c *x509.Certificate) { c.IssuingCertificateURL = []string{"http://r3.example/"} })},
			[]string{`without the intermediate one of "R3"`, "fullchain.pem"}, "your own"},
		{"without the intermediate, or of an own authority", []*x509.Certificate{leaf(nil)}, []string{"fullchain.pem", "an authority of your own"}, "--allow-self-signed"},
		{"of an authority that is not known", []*x509.Certificate{leaf(nil), authority}, []string{`signed by "R3"`, "must have that authority"}, "fullchain"},
		{"another name", []*x509.Certificate{leaf(func(c *x509.Certificate) { c.DNSNames = []string{"a.example", "b.example"} })}, []string{"is for a.example, b.example, not for cloud.example.com"}, "fullchain"},
		{"expired", []*x509.Certificate{leaf(func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Minute) }), authority}, []string{"expired on", "Renew it"}, "fullchain"},
		{"not valid yet", []*x509.Certificate{leaf(func(c *x509.Certificate) { c.NotBefore = now.Add(time.Minute) }), authority}, []string{"not valid before", "clocks"}, "fullchain"},
		{"self-signed", []*x509.Certificate{self()}, []string{"self-signed", "--allow-self-signed"}, "fullchain"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := verify(test.chain, "cloud.example.com")
			require.Error(t, err)
			detail, advice := describeCertificate(test.chain, err)
			for _, word := range test.words {
				require.Contains(t, detail+"\n"+advice, word)
			}
			require.NotContains(t, detail+advice, test.forbidden)
			require.Equal(t, advice, Advise(&tls.CertificateVerificationError{UnverifiedCertificates: test.chain, Err: err}), "listen says the same")
		})
	}
	detail, _ := describeCertificate(nil, io.EOF)
	require.NotEmpty(t, detail)
}

// TestRemediesAreWhole wants every fault to have advice, and the lines of each proxy to be for it alone.
func TestRemediesAreWhole(t *testing.T) {
	for fault := NoUpgrade; fault <= CutAtClose; fault++ {
		require.NotEmpty(t, remedies[fault].advice, fault)
		count := 0
		for _, p := range []proxy{nginx, apache, caddy, haproxy, traefik} {
			own := linesFor(fault, p, "10.0.0.1:1234")
			count += len(own)
			for _, line := range own {
				require.True(t, strings.HasPrefix(line, string(p)+": "), line)
				require.NotContains(t, line, documented)
			}
		}
		require.Equal(t, count, strings.Count(Remedy(fault, "\n"), "\n"))
	}
	require.Len(t, remedies, int(CutAtClose)+1)
}

// TestLinesAreThoseThatAreShipped wants the lines for the usual faults to stand in the files of docs/deploy.
func TestLinesAreThoseThatAreShipped(t *testing.T) {
	for _, test := range []struct {
		fault Fault
		proxy proxy
		file  string
	}{
		{NoUpgrade, nginx, "nginx.conf"}, {NoLocation, nginx, "nginx.conf"}, {NoLocation, apache, "apache.conf"}, {NoLocation, caddy, "Caddyfile"},
	} {
		file, err := os.ReadFile(filepath.Join("..", "..", "docs", "deploy", test.file))
		require.NoError(t, err)
		for _, line := range remedies[test.fault].lines[test.proxy] {
			line, _, _ = strings.Cut(line, "   #")
			require.Contains(t, string(file), line)
		}
	}
}

func TestRecognise(t *testing.T) {
	for _, test := range []struct {
		want    proxy
		header  http.Header
		body    string
		because string
	}{
		{nginx, http.Header{"Server": {"nginx/1.22.1"}}, "", "its name"},
		{nginx, http.Header{"Server": {"openresty"}}, "", "a relative"},
		{apache, http.Header{"Server": {"Apache/2.4.62 (Debian)"}}, "", "its name"},
		{caddy, http.Header{"Via": {"1.1 Caddy"}}, "", "the way"},
		{haproxy, http.Header{}, "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n", "its page"},
		{traefik, http.Header{}, "Bad Gateway", "its page"},
		{traefik, http.Header{"X-Content-Type-Options": {"nosniff"}}, "404 page not found\n", "its page"},
		{unknownProxy, http.Header{}, "0", "nothing"},
		{unknownProxy, http.Header{"Server": {"cloudflare"}}, "<html>", "nothing"},
	} {
		require.Equal(t, test.want, recognise(answer{header: test.header, body: test.body}), test.because)
	}
}

// TestForwarding has the push server say what requests look like when they get there.
func TestForwarding(t *testing.T) {
	for _, test := range []struct {
		name     string
		isPublic bool
		answer   string
		status   Status
		words    []string
	}{
		{"an address of the internet", true, `{"forwarded":true,"inner":false,"time":`, Green, nil},
		{"an inner address of an inner site", false, `{"forwarded":true,"inner":true,"time":`, Green, nil},
		{"an inner address of a public site", true, `{"forwarded":true,"inner":true,"time":`, Red, []string{"inside its own network", "the host's network", "real_ip_header"}},
		{"a version that does not say", true, `{"forwarded":true,"time":`, Green, nil},
		{"no header", true, `{"forwarded":false,"inner":false,"time":`, Red, []string{"all clients have the proxy's address"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			count := 0
			e, findings := newExamination(t, "https://cloud.example.com", func(r *http.Request) (*http.Response, error) {
				count++
				return says(200, fmt.Sprint(test.answer, count, "}"))(r)
			})
			e.endpoint, e.isPublic = &url.URL{Scheme: "wss", Host: "cloud.example.com", Path: "/push/ws"}, test.isPublic
			e.examineForwarding(t.Context())
			require.Len(t, *findings, 1)
			f := (*findings)[0]
			require.Equal(t, test.status, f.Status)
			require.False(t, e.broken)
			for _, word := range test.words {
				require.Contains(t, f.Detail+"\n"+f.Advice+"\n"+strings.Join(f.Lines, "\n"), word)
			}
		})
	}
}

// TestAPageThatDoesNotCome has something hold the push server's pages back.
func TestAPageThatDoesNotCome(t *testing.T) {
	e, findings := newExamination(t, "http://127.0.0.1:1", func(r *http.Request) (*http.Response, error) {
		return nil, context.DeadlineExceeded // as of http.Client's Timeout
	})
	e.endpoint = &url.URL{Scheme: "ws", Host: "127.0.0.1:1", Path: "/push/ws"}
	e.examinePushURL(t.Context())
	f := (*findings)[len(*findings)-1]
	require.Equal(t, stepPushURL, f.Step)
	require.Equal(t, Red, f.Status)
	require.Contains(t, f.Detail, "no answer within 15s")
	require.Contains(t, strings.Join(f.Lines, "\n"), "nginx: proxy_buffering off;")
}

func TestAdviseAboutHandshakes(t *testing.T) {
	for status, words := range map[int][]string{
		200: {"/push/", "nginx: location"}, 404: {"/push/"}, 400: {"proxy_set_header Upgrade"}, 426: {"proxy_set_header Upgrade", "Traefik:"},
		301: {"do not follow redirects"}, 401: {"auth_basic off;"}, 403: {"proxy refuses"}, 502: {"cannot reach the push server"}, 503: {"all the connections"}, 418: {"never answers so"}, 429: {"logins from this address", "status page"},
	} {
		advice := Advise(&client.StatusError{Request: client.RequestWebsocket, Status: status})
		for _, word := range words {
			require.Contains(t, advice, word, status)
		}
	}
	require.Empty(t, Advise(io.ErrUnexpectedEOF))
}
