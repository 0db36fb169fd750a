// Package doctor goes the whole way that a client goes, from outside, and says at each step what is wrong,
// why, and which lines of the reverse proxy to change.
package doctor

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Options say where to go and as whom.
type Options struct {
	// URL is Nextcloud's public address, https://… .
	URL string
	// User and Password log in. With PreAuth, Nextcloud makes a token of them first, as its web pages do.
	User, Password string
	PreAuth        bool
	// AllowSelfSigned accepts any certificate after it was examined.
	AllowSelfSigned bool
	// Quick leaves out what waits for a proxy's timeout: 65 s of silence.
	Quick bool
	// PushServer is the push server's own address, as HOST:PORT, for the lines that are printed; "" where it is not known.
	PushServer string
	// Token returns the token of the app's self test, with which the push server asks Nextcloud whom that takes for the client, and
	// takes it back; nil when Redis is not to be used.
	Token func(ctx context.Context) (token string, giveBack func(), err error)
	// AdviseTrust says how to have Nextcloud trust an address as a proxy's; "" where it does, or where that is not known. It may be nil.
	AdviseTrust func(address string) string
	// Publish publishes an event as Nextcloud does and returns how many servers got it; nil when Redis is
	// not to be used.
	Publish func(ctx context.Context, channel string, payload []byte) (subscribers int, err error)
	// Report gets each finding as soon as it is known; required.
	Report func(Finding)
	// Progress gets a word on what is being done now; may be nil.
	Progress func(text string)
}

// Status is what a finding is worth.
type Status string

// Green is fine, yellow works but deserves a look, red does not work.
const (
	Green  Status = "green"
	Yellow Status = "yellow"
	Red    Status = "red"
)

// Finding is the result of one step.
type Finding struct {
	Step   string `json:"step"`
	Status Status `json:"status"`
	Detail string `json:"detail"`
	// Advice is what to do, in one sentence; Lines are those to change in the reverse proxy's configuration.
	Advice string   `json:"advice,omitempty"`
	Lines  []string `json:"lines,omitempty"`
}

const (
	// stepTimeout bounds one step that answers at once where all is well.
	stepTimeout = 15 * time.Second
	// handshakeTimeout is shorter than the time in which a push server wants the login.
	handshakeTimeout = 10 * time.Second
	// silence is how long a connection is held without a byte from us; proxies cut after 60 s by default.
	silence = 65 * time.Second
	maxBody = 64 << 10
)

// examination is one run. Its steps go in order, and each uses what those before have found.
type examination struct {
	Options
	site     *url.URL
	client   *http.Client
	lookup   func(ctx context.Context, network, host string) ([]netip.Addr, error)
	http     *http.Transport
	proxy    proxy    // in front of the push server
	endpoint *url.URL // of the websocket, as Nextcloud names it
	preAuth  string
	isPublic bool    // the site answers at an address of the internet
	socket   *socket // to the push server
	broken   bool    // something red: what comes after would fail for the same reason
}

// Run goes through all steps until one that makes the following pointless has failed. ctx ends it early.
func Run(ctx context.Context, options Options) {
	e := &examination{Options: options}
	steps := []struct {
		progress string
		run      func(context.Context)
	}{
		{"reading the address", e.readAddress},
		{"resolving the name", e.resolve},
		{"examining the certificate", func(ctx context.Context) { e.examineCertificate(ctx, e.site) }},
		{"asking Nextcloud for its push server", e.discover},
		{"looking at what answers at the push server's address", e.examinePushURL},
		{"asking whom Nextcloud takes for the client", e.examineRemote},
		{"opening a websocket", e.shakeHands},
		{"opening a websocket from a page", e.openFromAPage},
		{"logging in", e.session},
	}
	for _, step := range steps {
		if e.broken || ctx.Err() != nil {
			break
		}
		e.progress(step.progress)
		step.run(ctx)
	}
	if e.socket != nil {
		_ = e.socket.Close()
	}
	if e.http != nil {
		e.http.CloseIdleConnections()
	}
}

func (e *examination) progress(text string) {
	if e.Progress != nil {
		e.Progress(text)
	}
}

func (e *examination) green(step, detail string) {
	e.Report(Finding{Step: step, Status: Green, Detail: detail})
}

func (e *examination) warn(step, detail, advice string, lines ...string) {
	e.Report(Finding{step, Yellow, detail, advice, lines})
}

// fault is a fail whose remedy is known.
func (e *examination) fault(step, detail string, f Fault) {
	e.fail(step, detail, remedies[f].advice, linesFor(f, e.proxy, e.PushServer)...)
}

// fail reports what does not work and ends the examination.
func (e *examination) fail(step, detail, advice string, lines ...string) {
	e.broken = true
	e.Report(Finding{step, Red, detail, advice, lines})
}

// readAddress takes an address as people write it.
func (e *examination) readAddress(context.Context) {
	text := e.URL
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	site, err := url.Parse(text)
	if err != nil || site.Host == "" || site.Scheme != "https" && site.Scheme != "http" {
		e.fail("address", "this is not the address of a Nextcloud", "Give it as browsers show it, such as https://cloud.example.com.")
		return
	}
	site.User = nil // nobody needs it, and it may be a password
	e.site, e.lookup = site, net.DefaultResolver.LookupNetIP
	e.http = &http.Transport{
		DialContext:       (&net.Dialer{Timeout: stepTimeout}).DialContext,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: e.AllowSelfSigned}, //nolint:gosec // The user asked for it.
		DisableKeepAlives: true,
	}
	e.client = &http.Client{Transport: e.http, Timeout: stepTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if site.Scheme == "http" {
		e.warn("address", "http://: passwords go over the network in clear", "Use https:// for anything but a test.")
	}
}

// portOf is the port of an address, also where its scheme gives it.
func portOf(address *url.URL) string {
	if port := address.Port(); port != "" {
		return port
	}
	if address.Scheme == "https" || address.Scheme == "wss" {
		return "443"
	}
	return "80"
}

func isEncrypted(address *url.URL) bool { return address.Scheme == "https" || address.Scheme == "wss" }
