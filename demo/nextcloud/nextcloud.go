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
	routes.HandleFunc("GET /ocs/v2.php/cloud/capabilities", n.authenticated(n.capabilities))
	for _, app := range []string{"/index.php/apps/notify_push", "/apps/notify_push"} {
		routes.HandleFunc("GET "+app+"/uid", n.authenticated(n.uid))
		routes.HandleFunc("POST "+app+"/pre_auth", n.authenticated(n.preAuth))
		routes.HandleFunc("GET "+app+"/test/cookie", n.withToken(n.testCookie))
		routes.HandleFunc("GET "+app+"/test/remote", n.withToken(n.testRemote))
		routes.HandleFunc("GET "+app+"/test/version", n.testVersion)
	}
	routes.HandleFunc("GET /status.php", status)
	routes.HandleFunc("GET /index.php/login", loginPage)
	n.handler = n.counted(n.limited(n.trustedDomain(routes)))
	return n
}

// AddUser creates an account, or replaces the one with the same ID.
func (n *Nextcloud) AddUser(user User) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.users[user.ID] = user
	for _, login := range user.Logins {
		n.users[login] = user
	}
}

// SetCookie is what test/cookie answers from now on.
func (n *Nextcloud) SetCookie(cookie uint32) { n.cookie.Store(cookie) }

// ServeHTTP answers as Nextcloud would, or as [Nextcloud.Behave] was told to.
func (n *Nextcloud) ServeHTTP(w http.ResponseWriter, r *http.Request) { n.handler.ServeHTTP(w, r) }

// capabilities has the shape that clients look into; only the format=json or Accept: application/json that real clients
// send gives JSON, and a request that is not marked as an API call is refused, as in Nextcloud.
func (n *Nextcloud) capabilities(w http.ResponseWriter, r *http.Request, _ User) {
	if r.Header.Get("OCS-APIRequest") != "true" {
		w.WriteHeader(http.StatusPreconditionFailed)
		fmt.Fprint(w, `{"message":"CSRF check failed"}`)
		return
	}
	if r.FormValue("format") != "json" && r.Header.Get("Accept") != "application/json" {
		w.Header().Set("Content-Type", "application/xml; charset=utf-8")
		fmt.Fprint(w, "<?xml version=\"1.0\"?>\n<ocs><meta><status>ok</status></meta><data/></ocs>\n")
		return
	}
	capabilities := map[string]any{"core": map[string]any{"pollinterval": 60}}
	if n.options.PushURL != "" {
		capabilities["notify_push"] = map[string]any{
			"type": []string{"files", "activities", "notifications"},
			"endpoints": map[string]string{
				"websocket": websocketURL(n.options.PushURL),
				"pre_auth":  n.options.URL + "/index.php/apps/notify_push/pre_auth",
			},
		}
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(map[string]any{"ocs": map[string]any{
		"meta": map[string]any{"status": "ok", "statuscode": 200, "message": "OK"},
		"data": map[string]any{
			"version":      map[string]any{"major": 31, "minor": 0, "micro": 0, "string": version},
			"capabilities": capabilities,
		},
	}})
}

// version of Nextcloud that this one says it is.
const version = "31.0.0"

// status is what monitoring asks for.
func status(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"installed": true, "maintenance": false, "needsDbUpgrade": false, "version": version + ".0", "versionstring": version,
		"edition": "", "productname": "Nextcloud", "extendedSupport": false,
	})
}

func (n *Nextcloud) uid(w http.ResponseWriter, _ *http.Request, user User) {
	fmt.Fprint(w, user.ID)
}

func (n *Nextcloud) preAuth(w http.ResponseWriter, r *http.Request, user User) {
	token := rand.Text()
	payload, _ := json.Marshal(map[string]string{"user": user.ID, "token": token})
	if _, err := n.options.Redis.Publish(r.Context(), "notify_pre_auth", payload); err != nil {
		http.Error(w, "publish the token: "+err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprint(w, token)
}

// withToken refuses calls that lack the self test's token, with 403 and an empty body as app 1.4 does.
func (n *Nextcloud) withToken(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !n.hasToken(r) {
			w.WriteHeader(http.StatusForbidden)
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
	fmt.Fprint(w, strconv.FormatUint(uint64(n.cookie.Load()), 10))
}

// testRemote answers whom it takes for the client, and leaves in Redis what the self test shows when that is wrong.
func (n *Nextcloud) testRemote(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	forwarded := r.Header.Get("X-Forwarded-For")
	n.note(w, r, "notify_push_forwarded_header", forwarded)
	n.note(w, r, "notify_push_remote", peerAddress(r))
	fmt.Fprint(w, clientAddress(peerAddress(r), forwarded, n.options.TrustedProxies)) //nolint:gosec // it is an address, in plain text
}

func (n *Nextcloud) testVersion(w http.ResponseWriter, r *http.Request) {
	n.note(w, r, "notify_push_app_version", n.options.AppVersion)
}

func (n *Nextcloud) note(w http.ResponseWriter, r *http.Request, key, value string) {
	if err := n.options.Redis.Set(r.Context(), key, value, 0); err != nil {
		http.Error(w, fmt.Sprintf("set %s: %v", key, err), http.StatusInternalServerError)
	}
}
