package nextcloud

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/internal/realm"
)

// Error is why a question to Nextcloud has no good answer.
type Error struct {
	// Status is the status code of the answer; 0 where none came.
	Status int
	// Text is plain and short, and fit for the eyes of a client that has not logged in.
	Text string
	// Cause is for the operator: the address, and what went wrong there. It may be nil.
	Cause error
	// OneLogin says that the answer concerns the login that was asked about, and not all.
	OneLogin bool

	empty bool // the answer's body
}

func (e *Error) Error() string { return e.Text }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is makes an error with OneLogin an actors.ErrOneLogin, and a 429 an actors.ErrThrottled.
func (e *Error) Is(target error) bool {
	return target == actors.ErrOneLogin && e.OneLogin || target == actors.ErrThrottled && e.Status == http.StatusTooManyRequests
}

// Detail returns the text with its cause, for the operator's eyes.
func (e *Error) Detail() string {
	if e.Cause == nil {
		return e.Text
	}
	return e.Text + ": " + e.Cause.Error()
}

// ErrTokenRefused is returned by Client.TestCookie when the app refuses the token: with 403 and an empty
// body. It says that the app is there.
var ErrTokenRefused = errors.New("the app refuses this token of the self test")

// errNoAnswer is the cause of a context that ended because Nextcloud was too slow.
var errNoAnswer = errors.New("no answer in time")

// unreachable is the error of a request that had no answer, or half of one.
func (n *Client) unreachable(ctx context.Context, err error) error {
	switch {
	case errors.Is(context.Cause(ctx), errNoAnswer), errors.Is(err, errNoAnswer):
		return &Error{Text: fmt.Sprintf("Nextcloud did not answer within %v", n.timeout), Cause: err}
	case errors.Is(ctx.Err(), context.DeadlineExceeded): // the caller's
		return &Error{Text: "Nextcloud did not answer in time", Cause: err}
	}
	return &Error{Text: "Nextcloud cannot be reached", Cause: err}
}

// refusal is the error of an answer with another status than 200.
func (n *Client) refusal(response *http.Response) error {
	status := response.StatusCode
	failure := &Error{
		Status: status,
		Text:   fmt.Sprintf("Nextcloud answered %d %s", status, http.StatusText(status)),
		Cause:  fmt.Errorf("GET %s", response.Request.URL),
		// 404 is the answer to everybody where the app is not enabled.
		OneLogin: status/100 == 4 && status != http.StatusNotFound,
	}
	page, err := io.ReadAll(io.LimitReader(response.Body, maxComplaint))
	failure.empty = err == nil && len(page) == 0
	asks, foreign := realm.Foreign(response.Header, page)
	switch {
	case status == http.StatusUnauthorized && foreign:
		failure.Text = fmt.Sprintf("a web server in front of Nextcloud asks for a password of its own (realm %q)", asks)
		failure.OneLogin = false
	case status/100 == 3:
		failure.Cause = fmt.Errorf("GET %s redirects to %s, where credentials must not be sent; if that is Nextcloud, make it the URL of Nextcloud",
			response.Request.URL, response.Header.Get("Location"))
	case status/100 == 4 && namesTrustedDomains(page):
		failure.Text = n.base.Hostname() + " is not configured as a trusted domain for the nextcloud server"
		failure.Cause, failure.OneLogin = nil, false // the text says it all, and operators look for it
	}
	return failure
}

// namesTrustedDomains reports whether an error page is the one of a Nextcloud that is called by a
// name that it does not know: it leads to the manual's chapter of that name, or, for status.php, is
// JSON.
func namesTrustedDomains(page []byte) bool {
	return bytes.Contains(page, []byte("admin-trusted-domains")) || bytes.Contains(page, []byte("Trusted domain error"))
}
