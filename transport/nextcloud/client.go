package nextcloud

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/notifypush/notifypush/actors"
)

const (
	appPath = "index.php/apps/notify_push/"

	// maxAnswer bounds an answer, in bytes. The longest honest one is a user id, 64 characters.
	maxAnswer = 256
	// maxComplaint bounds what is read of an error page, in bytes.
	maxComplaint = 64 << 10
	maxRedirects = 5
)

// Options say where Nextcloud is and how it is reached.
type Options struct {
	// BaseURL is where Nextcloud is, such as https://example.com/nextcloud/.
	BaseURL string `flag:"nextcloud-url" scope:"instance" env:"NEXTCLOUD_URL" placeholder:"URL" group:"Nextcloud" help:"Where Nextcloud is; it may be an address inside the network. Otherwise overwrite.cli.url of config.php."`
	// ConnectTo is a host:port or the path of a unix socket to connect to instead, while BaseURL
	// still gives the Host header and the name in TLS. When empty, BaseURL says that too.
	ConnectTo string `flag:"nextcloud-connect-to" env:"NEXTCLOUD_CONNECT_TO" grammar:"dial" placeholder:"HOST:PORT" group:"Nextcloud" help:"Dial this address, or the unix socket with this path, and keep the URL's name in Host and TLS. Spares the way out and back in through a router."`
	// CAFile is a PEM file of authorities to trust beside the system's. May be empty.
	CAFile string `flag:"nextcloud-ca" env:"NEXTCLOUD_CA" placeholder:"FILE" group:"Nextcloud" help:"PEM file of authorities to trust for Nextcloud, beside the system's."`
	// AllowSelfSigned accepts any certificate.
	AllowSelfSigned bool `flag:"allow-self-signed" env:"ALLOW_SELF_SIGNED" default:"false" group:"Nextcloud" help:"Accept any certificate from Nextcloud."`
	// UserAgent is the User-Agent of requests. When empty, none is sent.
	UserAgent string `flag:"user-agent" env:"USER_AGENT" placeholder:"TEXT" group:"Nextcloud" help:"User-Agent of requests to Nextcloud. None is sent otherwise."`
	// Timeout is how long Nextcloud may take over an answer; 20 s when zero.
	Timeout time.Duration
	// Concurrency is how many requests are usually under way at once, and so how many connections
	// are kept for the next ones; 32 when zero. More may be made.
	Concurrency int
}

// Client is what Nextcloud is asked through: it verifies logins and serves the self test. It is
// safe for concurrent use. No error of it holds a password or a token.
type Client struct {
	base      *url.URL
	userAgent string
	timeout   time.Duration
	client    *http.Client
	kept      *keptConns // for logins; nil where client has to do it
}

var _ actors.Verifier = (*Client)(nil)

// Name is how logs and actors.System.Problems call this port.
func (*Client) Name() string { return "nextcloud" }

// New checks the options. It does not connect.
func New(options Options) (*Client, error) {
	base, err := url.Parse(options.BaseURL)
	switch {
	case err != nil:
		return nil, errors.New("the URL of Nextcloud cannot be parsed; write https://example.com/ or https://example.com/nextcloud/")
	case base.User != nil:
		return nil, fmt.Errorf("the URL of Nextcloud, %s, must not hold a user name; each client brings its own", base.Redacted())
	case strings.Contains(options.BaseURL, "@"): // before it may be a password
		return nil, errors.New("the URL of Nextcloud has an @; write https://example.com/ or https://example.com/nextcloud/")
	case base.Scheme != "http" && base.Scheme != "https", base.Host == "":
		return nil, fmt.Errorf("the URL of Nextcloud is %q; write https://example.com/ or https://example.com/nextcloud/", options.BaseURL)
	}
	if options.Timeout == 0 {
		options.Timeout = 20 * time.Second
	}
	if options.Concurrency == 0 {
		options.Concurrency = 32
	}
	roots, err := rootsWith(options.CAFile)
	if err != nil {
		return nil, err
	}
	transport := newRoundTripper(options, roots)
	n := &Client{
		base:      base,
		userAgent: options.UserAgent,
		timeout:   options.Timeout,
		client:    &http.Client{Transport: transport, CheckRedirect: staysWithNextcloud},
	}
	n.kept = newKeptConns(n, options, transport)
	return n, nil
}

func newRoundTripper(options Options, roots *x509.CertPool) *http.Transport {
	tripper := &http.Transport{
		DialContext: (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSClientConfig: &tls.Config{
			RootCAs:            roots,
			MinVersion:         tls.VersionTLS12,
			InsecureSkipVerify: options.AllowSelfSigned, //nolint:gosec // The operator asked for it.
		},
		Proxy:                  http.ProxyFromEnvironment,
		TLSHandshakeTimeout:    dialTimeout,
		MaxIdleConns:           options.Concurrency,
		MaxIdleConnsPerHost:    options.Concurrency,
		IdleConnTimeout:        idleTime, // its buffer holds the last password
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true, // a few bytes inflate to anything
	}
	if options.ConnectTo != "" {
		tripper.Proxy = nil
		tripper.DialContext = dialInstead(options.ConnectTo)
	}
	return tripper
}

// dialInstead connects to one address, whatever was asked for.
func dialInstead(to string) func(ctx context.Context, network, address string) (net.Conn, error) {
	network := "tcp"
	if strings.HasPrefix(to, "/") {
		network = "unix"
	}
	dialer := net.Dialer{Timeout: dialTimeout}
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, to)
	}
}

// rootsWith returns the system's authorities and those of a file; nil is the system's alone.
func rootsWith(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file) //nolint:gosec // G304: the operator names the file
	if err != nil {
		return nil, fmt.Errorf("read the authorities to trust for Nextcloud: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read the authorities to trust for Nextcloud: no certificate in PEM form in %s", file)
	}
	return roots, nil
}

// staysWithNextcloud follows a redirect only where credentials may go: to the same host and port, or from http to https at the same
// host. At another port is another server, such as the operators' pages of this one, whose answer the self test would show to who
// controls this Nextcloud. A redirect that is not followed is the answer.
func staysWithNextcloud(next *http.Request, before []*http.Request) error {
	last := before[len(before)-1].URL
	isEncryptedNow := last.Scheme == "http" && next.URL.Scheme == "https"
	if len(before) > maxRedirects ||
		!strings.EqualFold(next.URL.Hostname(), last.Hostname()) ||
		!isEncryptedNow && (next.URL.Scheme != last.Scheme || portOf(next.URL) != portOf(last)) {
		return http.ErrUseLastResponse
	}
	return nil
}

func portOf(u *url.URL) string {
	return cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
}

// Close closes the connections that are kept for further requests.
func (n *Client) Close() {
	n.client.CloseIdleConnections()
	if n.kept != nil {
		n.kept.close()
	}
}

// Verify asks Nextcloud for the user id of who has these credentials. It returns
// actors.ErrInvalidCredentials where Nextcloud itself says 401, and a *Error else.
func (n *Client) Verify(ctx context.Context, credentials actors.Credentials) (actors.Identity, error) {
	user, err := n.askUser(ctx, credentials)
	if failure, ok := errors.AsType[*Error](err); ok && failure.Status == http.StatusUnauthorized && failure.OneLogin {
		return actors.Identity{}, actors.ErrInvalidCredentials
	}
	return actors.Identity{User: user}, err
}

// askUser returns Nextcloud's answer to a login.
func (n *Client) askUser(ctx context.Context, credentials actors.Credentials) (user string, err error) {
	if n.kept != nil {
		err = n.kept.ask(ctx, credentials, func(response *http.Response) (err error) {
			user, err = n.readLine(ctx, response)
			return err
		})
		_, answered := errors.AsType[*Error](err)
		switch {
		case err == nil, answered:
			return user, err
		case !errors.Is(err, errRedirect):
			return "", n.unreachable(ctx, n.kept.explain(ctx, err))
		}
	}
	login := base64.StdEncoding.EncodeToString([]byte(credentials.Login + ":" + credentials.Password.Reveal()))
	headers := []string{"Authorization", "Basic " + login}
	if credentials.Forwarded != "" {
		headers = append(headers, "X-Forwarded-For", credentials.Forwarded)
	}
	return n.ask(ctx, "uid", headers...)
}

// TestCookie asks for the number that the self test gave to Nextcloud. All errors are *Error.
func (n *Client) TestCookie(ctx context.Context, token actors.Secret) (uint32, error) {
	answer, err := n.ask(ctx, "test/cookie", "token", token.Reveal())
	if err != nil {
		return 0, refusedToken(err)
	}
	cookie, err := strconv.ParseUint(answer, 10, 32)
	if err != nil {
		return 0, &Error{Status: http.StatusOK, Text: "Nextcloud did not answer with a number", Cause: fmt.Errorf("it said %q", answer)}
	}
	return uint32(cookie), nil
}

// TestRemote asks whom Nextcloud takes for the client of a request that is forwarded for client,
// which is that same address where this server is one of its trusted proxies. All errors are
// *Error.
func (n *Client) TestRemote(ctx context.Context, token actors.Secret, client netip.Addr) (string, error) {
	seen, err := n.ask(ctx, "test/remote", "token", token.Reveal(), "X-Forwarded-For", client.String())
	return seen, refusedToken(err)
}

// refusedToken marks the answer that the app gives to a token that it does not find in Redis.
func refusedToken(err error) error {
	if failure, ok := errors.AsType[*Error](err); ok && failure.Status == http.StatusForbidden && failure.empty {
		failure.Cause = ErrTokenRefused
	}
	return err
}

// TestVersion makes the app write its version to the Redis key notify_push_app_version. All errors
// are *Error.
func (n *Client) TestVersion(ctx context.Context) error {
	return n.get(ctx, appPath+"test/version", nil, func(_ context.Context, response *http.Response) error {
		if response.StatusCode != http.StatusOK {
			return n.refusal(response)
		}
		return nil
	})
}

// ask returns Nextcloud's answer: one line of text that is not empty.
func (n *Client) ask(ctx context.Context, call string, headers ...string) (line string, err error) {
	err = n.get(ctx, appPath+call, headers, func(ctx context.Context, response *http.Response) (err error) {
		line, err = n.readLine(ctx, response)
		return err
	})
	return line, err
}

// What every login gets from something that is no Nextcloud.
const nothing, aWebPage = "nothing", "a web page"

// faultOf says what an answer is instead of a line of text, "" if it is one.
func faultOf(answer []byte) string {
	line := bytes.TrimSpace(answer)
	switch {
	case len(line) == 0:
		return nothing
	case line[0] == '<':
		return aWebPage
	case len(answer) > maxAnswer:
		return "too long a text"
	case !utf8.Valid(line), bytes.ContainsFunc(line, unicode.IsControl):
		return "something that is not a line of text"
	default:
		return ""
	}
}

// readLine returns what an answer says: one line of text that is not empty.
func (n *Client) readLine(ctx context.Context, response *http.Response) (string, error) {
	if response.StatusCode != http.StatusOK {
		return "", n.refusal(response)
	}
	body, err := firstBytes(response.Body)
	if err != nil {
		return "", n.unreachable(ctx, err)
	}
	if fault := faultOf(body); fault != "" {
		return "", &Error{
			Status:   http.StatusOK,
			Text:     "Nextcloud answered with " + fault,
			Cause:    fmt.Errorf("GET %s; is that Nextcloud, and is its app notify_push enabled?", response.Request.URL),
			OneLogin: fault != aWebPage && fault != nothing,
		}
	}
	return string(bytes.TrimSpace(body)), nil
}

// firstBytes returns what there is of a body, at most one byte more than an answer may have.
func firstBytes(body io.Reader) ([]byte, error) {
	if plain, ok := body.(*plainBody); ok {
		return plain.rest[:min(len(plain.rest), maxAnswer+1)], nil
	}
	return io.ReadAll(io.LimitReader(body, maxAnswer+1))
}

// get asks for a page of Nextcloud, and has the answer read. headers are names and values.
func (n *Client) get(ctx context.Context, page string, headers []string, read func(context.Context, *http.Response) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, n.timeout, errNoAnswer)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, n.base.JoinPath(page).String(), nil)
	if err != nil {
		return n.unreachable(ctx, err)
	}
	request.Header.Set("User-Agent", n.userAgent) // an empty one keeps net/http from adding its own
	for pair := range slices.Chunk(headers, 2) {
		request.Header.Set(pair[0], pair[1])
	}
	response, err := n.client.Do(request)
	if err != nil {
		return n.unreachable(ctx, err)
	}
	defer response.Body.Close()
	return read(ctx, response)
}
