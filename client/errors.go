package client

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/notifypush/notifypush/internal/realm"
)

var (
	// ErrInvalidCredentials means that user and password, or the token, are wrong. Trying again with the same ones is of no use,
	// and Nextcloud slows down addresses that do.
	ErrInvalidCredentials = errors.New("invalid credentials")
	// ErrAuthMessage means that the push server did not understand the login.
	ErrAuthMessage = errors.New("invalid authentication message")
	// ErrAuthTimeout means that the login did not reach the push server in its time, 15 s.
	ErrAuthTimeout = errors.New("authentication timeout")
	// ErrUnknownToken means that the push server does not know the token that Nextcloud has just given for this login. It did not
	// get it in time, or listens to another Redis than Nextcloud speaks to.
	ErrUnknownToken = errors.New("the push server does not know the token that Nextcloud gave")
	// ErrLimitExceeded means that the user has as many connections as the push server allows.
	ErrLimitExceeded = errors.New("connection limit exceeded for user")
	// ErrNoPush means that Nextcloud answered, and has no push server for this user.
	ErrNoPush = errors.New("no notify_push in Nextcloud's capabilities")
	// ErrSilent means that nothing came from the push server for 90 s, not even its heartbeat, which is due every 30 s.
	ErrSilent = errors.New("nothing heard from the push server for 90 s")
)

// UnsafeEndpointError means that an https Nextcloud named an address to which no password is sent: one without encryption, or on the
// client's own machine. Desktop clients refuse it, too.
type UnsafeEndpointError struct {
	Nextcloud string  // its address
	Request   Request // what the endpoint is for: RequestWebsocket or RequestPreAuth
	Endpoint  string  // what it named
	Local     bool    // the endpoint is localhost
}

func (e *UnsafeEndpointError) Error() string {
	fault := "which is not encrypted although Nextcloud is"
	if e.Local {
		fault = "which is the client's own machine"
	}
	if e.Request == RequestPreAuth {
		return fmt.Sprintf("Nextcloud names %s for tokens, %s, and no password is sent to it; set overwriteprotocol and overwritehost in config.php to those of %s",
			e.Endpoint, fault, e.Nextcloud)
	}
	return fmt.Sprintf("Nextcloud names the push server %s, %s: desktop clients refuse this address, and no password is sent to it; "+
		"set overwrite.cli.url in config.php to %s, then call occ notify_push:setup %s", e.Endpoint, fault, e.Nextcloud, strings.TrimSuffix(e.Nextcloud, "/")+"/push")
}

// NextcloudError says why the push server could not have the credentials checked by Nextcloud, in the server's words.
type NextcloudError struct {
	Text string
}

func (e *NextcloudError) Error() string {
	return "the push server could not ask Nextcloud: " + e.Text
}

// Request is a step on the way to the push server.
type Request string

// The requests that a [StatusError] can tell of.
const (
	RequestCapabilities Request = "capabilities"
	RequestPreAuth      Request = "pre-auth token"
	RequestWebsocket    Request = "websocket"
)

// StatusError is an HTTP answer that does not lead on.
type StatusError struct {
	Request Request
	URL     string
	Status  int
	// Realm is what a web server in front asks for a password for, with status 401; empty where Nextcloud itself refuses.
	Realm string
	// Location is where the answer redirects to, without a password in it.
	Location string
	// Text is the first line of the answer's body, at most 200 bytes; empty when the body is a web page.
	Text string
	// RetryAfter is how long the server asks to be left alone; 0 when it does not say, at most an hour.
	RetryAfter time.Duration
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s answered the request for the %s with %d %s", e.URL, e.Request, e.Status, http.StatusText(e.Status))
	switch {
	case e.Realm != "":
		text += fmt.Sprintf(": a web server in front asks for a password of its own (realm %q)", e.Realm)
	case e.Location != "":
		text += ", which redirects to " + e.Location
	case e.Text != "":
		text += fmt.Sprintf(" (%s)", e.Text)
	}
	return text
}

const (
	maxRetryAfter = time.Hour
	maxErrorText  = 200
)

func newStatusError(request Request, url string, response *http.Response, body []byte) *StatusError {
	asks := ""
	if response.StatusCode == http.StatusUnauthorized {
		asks, _ = realm.Foreign(response.Header, body)
	}
	location := ""
	if to, err := response.Location(); err == nil {
		location = to.Redacted()
	}
	return &StatusError{
		Realm:      asks,
		Location:   location,
		Request:    request,
		URL:        url,
		Status:     response.StatusCode,
		Text:       firstLine(body),
		RetryAfter: parseRetryAfter(response.Header.Get("Retry-After"), time.Now()),
	}
}

// parseRetryAfter reads both forms of RFC 9110, 10.2.3: seconds or a date.
func parseRetryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	if date, err := http.ParseTime(value); err == nil {
		return min(max(date.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

func firstLine(body []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	if strings.HasPrefix(line, "<") {
		return ""
	}
	line = line[:min(len(line), maxErrorText)]
	return strings.ToValidUTF8(strings.TrimSpace(line), "")
}

// CloseCode is the code of the websocket close frame that caused err (RFC 6455, 7.4), or 0 when err has none.
func CloseCode(err error) int {
	return max(int(websocket.CloseStatus(err)), 0)
}
