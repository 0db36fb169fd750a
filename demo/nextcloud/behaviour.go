package nextcloud

import (
	"bytes"
	"net/http"
	"strings"
	"time"
)

// Behaviour is how well a Nextcloud feels. The zero value is in perfect health.
type Behaviour struct {
	// Delay is how long a worker is busy with each request.
	Delay time.Duration
	// Workers is how many requests are worked on at once while the others queue, as with PHP-FPM; 0 means no limit.
	Workers int
	// Fault is what every answer is instead of the right one.
	Fault Fault
}

// Fault is a way to answer wrongly.
type Fault int

const (
	// FaultNone answers as it should.
	FaultNone Fault = iota
	// FaultError answers 500.
	FaultError
	// FaultMaintenance answers 503 as in maintenance mode; only status.php goes on, and says so.
	FaultMaintenance
	// FaultThrottled answers 429 to every login, as to an address that has guessed too often.
	FaultThrottled
	// FaultHTML answers 200 with a web page, as a captive portal does.
	FaultHTML
	// FaultRedirect sends everyone to the login page.
	FaultRedirect
	// FaultEmpty answers 200 without a body.
	FaultEmpty
	// FaultHuge answers 200 with a body of 5 MB.
	FaultHuge
	// FaultSlowBody answers 200 at once and then a byte of the body every Delay (at least 10 ms), without end.
	FaultSlowBody
	// FaultDenied answers 401 to every login.
	FaultDenied
)

// hugeBody is the size of the body that FaultHuge sends, in bytes.
const hugeBody = 5 << 20

// Behave changes the behaviour for the requests that arrive from now on.
func (n *Nextcloud) Behave(behaviour Behaviour) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.behaviour = behaviour
	n.workers = nil
	if behaviour.Workers > 0 {
		n.workers = make(chan struct{}, behaviour.Workers)
	}
}

// limited serves next with the present behaviour: after its turn, its delay, and its fault.
func (n *Nextcloud) limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		behaviour, workers := n.behaviour, n.workers
		n.mu.Unlock()

		if workers != nil {
			select {
			case workers <- struct{}{}:
				defer func() { <-workers }()
			case <-r.Context().Done():
				return
			}
		}
		if behaviour.Fault != FaultSlowBody && !pause(r, behaviour.Delay) {
			return
		}
		misbehave(w, r, behaviour, next)
	})
}

func misbehave(w http.ResponseWriter, r *http.Request, behaviour Behaviour, next http.Handler) {
	switch behaviour.Fault {
	case FaultError:
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
	case FaultMaintenance:
		answerMaintenance(w, r)
	case FaultThrottled:
		answerThrottled(w, r, next)
	case FaultHTML:
		loginPage(w, r)
	case FaultRedirect:
		if r.URL.Path == "/index.php/login" {
			loginPage(w, r)
			return
		}
		http.Redirect(w, r, "/index.php/login", http.StatusFound)
	case FaultEmpty:
		w.WriteHeader(http.StatusOK)
	case FaultHuge:
		_, _ = w.Write(bytes.Repeat([]byte("a"), hugeBody))
	case FaultSlowBody:
		drip(w, r, max(behaviour.Delay, 10*time.Millisecond))
	default:
		next.ServeHTTP(w, r)
	}
}

func answerMaintenance(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/status.php":
		status(w, true)
	case strings.HasPrefix(r.URL.Path, "/ocs/"):
		answerAPI(w, http.StatusServiceUnavailable, 503, "Service unavailable")
	default:
		w.Header().Set("Retry-After", "120")
		answer(w, http.StatusServiceUnavailable, "text/html", page)
	}
}

func answerThrottled(w http.ResponseWriter, r *http.Request, next http.Handler) {
	const message = "Reached maximum delay"
	_, _, isLogin := r.BasicAuth()
	switch {
	case !isLogin:
		next.ServeHTTP(w, r)
	case strings.HasPrefix(r.URL.Path, "/ocs/"):
		answerAPI(w, http.StatusTooManyRequests, 429, message)
	default:
		answer(w, http.StatusTooManyRequests, "application/json", `{"message":"`+message+`"}`)
	}
}

// drip writes a byte every delay until the client has had enough.
func drip(w http.ResponseWriter, r *http.Request, delay time.Duration) {
	for {
		if _, err := w.Write([]byte("a")); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		if !pause(r, delay) {
			return
		}
	}
}

// pause waits, and says whether the client did so too.
func pause(r *http.Request, delay time.Duration) bool {
	if delay <= 0 {
		return r.Context().Err() == nil
	}
	select {
	case <-time.After(delay):
		return true
	case <-r.Context().Done():
		return false
	}
}

// page is what browsers are shown.
const page = "<!DOCTYPE html>\n<html lang=\"en\"><title>Nextcloud</title><p>Log in, please.</p></html>\n"

func loginPage(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "text/html", page) }
