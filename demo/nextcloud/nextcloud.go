// Package nextcloud is a stand-in for the part of a Nextcloud with the notify_push app that a push daemon and its clients
// speak to: capabilities, logins, pre-auth tokens and the routes of the self test. The demo shows it, tests and the load
// test make it slow or faulty.
package nextcloud

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Redis is where the app publishes its events and leaves its notes for the daemon.
type Redis interface {
	// Publish hands payload to every subscriber of channel and says how many there were.
	Publish(ctx context.Context, channel string, payload []byte) (int, error)
	// Get returns the value under key, and false when there is none.
	Get(ctx context.Context, key string) (value string, found bool, err error)
	// Set stores value under key for ttl, or for ever when that is 0.
	Set(ctx context.Context, key, value string, ttl time.Duration) error
}

// Options are the parts of an installation that do not change while it runs.
type Options struct {
	// Redis holds the self test's token and takes events. With nil there is no token, and nothing can be published.
	Redis Redis
	// URL is the address under which clients know this Nextcloud, without a slash at the end: "https://cloud.example".
	URL string
	// PushURL is the push endpoint that the capabilities name, without "/ws": "https://cloud.example/push". When it is empty
	// the capabilities are those of an installation where the app is not set up.
	PushURL string
	// AppVersion of notify_push; empty means 1.4.0.
	AppVersion string
	// TrustedProxies are the peers whose X-Forwarded-For is believed, Nextcloud's trusted_proxies.
	TrustedProxies []netip.Prefix
	// TrustedDomains are the host names that are served, Nextcloud's trusted_domains; none means every one.
	TrustedDomains []string
}

// User is a person with an account.
type User struct {
	ID       string
	Password string
	// Logins are the names besides ID that this person may log in with, such as an e-mail address.
	Logins []string
}

// Nextcloud is an http.Handler. Its methods may be called while it serves.
type Nextcloud struct {
	options Options
	handler http.Handler
	cookie  atomic.Uint32

	mu        sync.Mutex // guards what follows
	users     map[string]User
	behaviour Behaviour
	workers   chan struct{}
	stats     Stats
}

// New makes a Nextcloud without users.
func New(options Options) *Nextcloud {
	if options.AppVersion == "" {
		options.AppVersion = "1.4.0"
	}
	n := &Nextcloud{options: options, users: map[string]User{}}
	n.stats.Logins = map[string]int{}

	routes := http.NewServeMux()
	handle := func(method, path string, handler http.HandlerFunc) {
		routes.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if r.Method != method && (r.Method != http.MethodHead || method != http.MethodGet) {
				answer(w, http.StatusMethodNotAllowed, "text/html", "")
				return
			}
			handler(w, r)
		})
	}
	handle(http.MethodGet, "/ocs/v2.php/cloud/capabilities", n.capabilities)
	for _, app := range []string{"/index.php/apps/notify_push", "/apps/notify_push"} {
		handle(http.MethodGet, app+"/uid", authenticated(n.uid))
		handle(http.MethodPost, app+"/pre_auth", authenticated(n.preAuth))
		handle(http.MethodGet, app+"/test/cookie", n.withToken(n.testCookie))
		handle(http.MethodGet, app+"/test/remote", n.withToken(n.testRemote))
		handle(http.MethodGet, app+"/test/version", n.testVersion)
	}
	routes.HandleFunc("/status.php", func(w http.ResponseWriter, _ *http.Request) { status(w, false) })
	routes.HandleFunc("/index.php/login", loginPage)
	routes.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusNotFound, "text/html", page) })
	n.handler = n.counted(n.limited(n.trustedDomain(n.withUser(routes))))
	return n
}

// answer sends a whole answer.
func answer(w http.ResponseWriter, status int, mediaType, body string) {
	w.Header().Set("Content-Type", mediaType+"; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprint(w, body)
}

// answerAPI sends an answer of the API that has no data; the code in it can be another than that of HTTP.
func answerAPI(w http.ResponseWriter, status, code int, message string) {
	answer(w, status, "application/json", fmt.Sprintf(`{"ocs":{"meta":{"status":"failure","statuscode":%d,"message":%q},"data":[]}}`, code, message))
}

// AddUser creates an account, or replaces the one with the same ID. Case does not count in names that log in.
func (n *Nextcloud) AddUser(user User) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, login := range append([]string{user.ID}, user.Logins...) {
		n.users[strings.ToLower(login)] = user
	}
}

// SetCookie is what test/cookie answers from now on.
func (n *Nextcloud) SetCookie(cookie uint32) { n.cookie.Store(cookie) }

// ServeHTTP answers as Nextcloud would, or as [Nextcloud.Behave] said.
func (n *Nextcloud) ServeHTTP(w http.ResponseWriter, r *http.Request) { n.handler.ServeHTTP(w, r) }

// capabilities has the shape that clients look into. As in Nextcloud, requests that are not marked as API calls are refused,
// those without a login learn nothing of push, and only format=json or Accept: application/json gives JSON.
func (n *Nextcloud) capabilities(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("OCS-APIRequest") == "" {
		answer(w, http.StatusPreconditionFailed, "application/json", `{"message":"CSRF check failed"}`)
		return
	}
	capabilities := map[string]any{}
	if _, found := userOf(r); found {
		capabilities["core"] = map[string]any{"pollinterval": 60}
		if n.options.PushURL != "" {
			capabilities["notify_push"] = n.pushCapability()
		}
	}
	if r.FormValue("format") != "json" && r.Header.Get("Accept") != "application/json" {
		answer(w, http.StatusOK, "application/xml", "<?xml version=\"1.0\"?>\n<ocs><meta><status>ok</status></meta><data/></ocs>\n")
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(map[string]any{"ocs": map[string]any{
		"meta": map[string]any{"status": "ok", "statuscode": 200, "message": "OK"},
		"data": map[string]any{
			"version":      map[string]any{"major": 32, "minor": 0, "micro": 1, "string": version, "edition": "", "extendedSupport": false},
			"capabilities": capabilities,
		},
	}})
}

func (n *Nextcloud) pushCapability() map[string]any {
	return map[string]any{
		"type": []string{"files", "activities", "notifications"},
		"endpoints": map[string]string{
			"websocket": "ws" + strings.TrimPrefix(n.options.PushURL, "http") + "/ws",
			"pre_auth":  n.options.URL + "/index.php/apps/notify_push/pre_auth",
		},
	}
}

// version of Nextcloud that this one says it is.
const version = "32.0.1"

// status is what monitoring asks for.
func status(w http.ResponseWriter, maintenance bool) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"installed": true, "maintenance": maintenance, "needsDbUpgrade": false, "version": version + ".2", "versionstring": version,
		"edition": "", "productname": "Nextcloud", "extendedSupport": false,
	})
}

func (n *Nextcloud) uid(w http.ResponseWriter, _ *http.Request, user User) {
	answer(w, http.StatusOK, "text/html", user.ID)
}

func (n *Nextcloud) preAuth(w http.ResponseWriter, r *http.Request, user User) {
	token := rand.Text()
	payload, _ := json.Marshal(map[string]string{"user": user.ID, "token": token})
	if _, err := n.options.Redis.Publish(r.Context(), "notify_pre_auth", payload); err != nil {
		http.Error(w, "publish the token: "+err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, http.StatusOK, "text/html", token)
}

// withToken refuses calls that lack the self test's token, with 403 and an empty body as app 1.4 does.
func (n *Nextcloud) withToken(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !n.hasToken(r) {
			answer(w, http.StatusForbidden, "text/html", "")
			return
		}
		next(w, r)
	}
}

func (n *Nextcloud) hasToken(r *http.Request) bool {
	if n.options.Redis == nil {
		return false
	}
	token, found, err := n.options.Redis.Get(r.Context(), "test-token")
	return err == nil && found && token == r.Header.Get("token")
}

func (n *Nextcloud) testCookie(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, "application/json", strconv.FormatUint(uint64(n.cookie.Load()), 10))
}

// testRemote answers whom it takes for the client, and leaves in Redis what the self test shows when that is wrong.
func (n *Nextcloud) testRemote(w http.ResponseWriter, r *http.Request) {
	forwarded := r.Header.Get("X-Forwarded-For")
	if n.note(w, r, "notify_push_forwarded_header", forwarded) && n.note(w, r, "notify_push_remote", peerAddress(r)) {
		answer(w, http.StatusOK, "text/html", clientAddress(peerAddress(r), forwarded, n.options.TrustedProxies))
	}
}

func (n *Nextcloud) testVersion(w http.ResponseWriter, r *http.Request) {
	if n.note(w, r, "notify_push_app_version", n.options.AppVersion) {
		answer(w, http.StatusOK, "application/json", "null")
	}
}

// note leaves a value in Redis, or answers that it cannot.
func (n *Nextcloud) note(w http.ResponseWriter, r *http.Request, key, value string) (done bool) {
	err := n.options.Redis.Set(r.Context(), key, value, 0)
	if err != nil {
		http.Error(w, fmt.Sprintf("set %s: %v", key, err), http.StatusInternalServerError)
	}
	return err == nil
}
