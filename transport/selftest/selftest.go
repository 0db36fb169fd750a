package selftest

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/internal/errtext"
	"github.com/notifypush/notifypush/internal/textreply"
	"github.com/notifypush/notifypush/transport/nextcloud"
)

// The keys in Redis of the app's self test.
const (
	keyTestToken  = "test-token"
	keyVersion    = "notify_push_version"
	keyAppVersion = "notify_push_app_version"
)

// Keys are Redis's keys, without a prefix.
type Keys interface {
	Get(ctx context.Context, key string) (value string, found bool, err error)
	// Set stores a value for some time; 0 is for ever.
	Set(ctx context.Context, key, value string, ttl time.Duration) error
	Delete(ctx context.Context, key string) error
}

// Inspected is the part of the actor system that the self test reads.
type Inspected interface {
	// TestCookie returns the last number that came over Redis for it; 0 before the first.
	TestCookie() uint32
	// CountUsers returns how many users see all of a storage, as the app counts them.
	CountUsers(ctx context.Context, storage uint64) (int, error)
}

// Options are what the self test needs. All are required.
type Options struct {
	Keys      Keys
	System    Inspected
	Nextcloud *nextcloud.Client
	Version   *AppVersion
}

// selfTest answers what `occ notify_push:self-test` asks: whether this server hears Redis, finds
// users in the database, reaches Nextcloud, is trusted as a proxy, and is of the app's version.
//
// It answers only requests that carry the token that the app put into Redis.
type selfTest struct{ Options }

// New returns the handler of paths below /test/. A reverse proxy's prefix must be gone from them.
func New(options Options) http.Handler {
	t := &selfTest{options}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /test/cookie", t.cookie)
	mux.HandleFunc("GET /test/reverse_cookie", t.permitted(t.reverseCookie))
	mux.HandleFunc("GET /test/mapping/{storage}", t.permitted(t.mapping))
	mux.HandleFunc("GET /test/remote/{ip}", t.permitted(t.remote))
	mux.HandleFunc("POST /test/version", t.permitted(t.version))
	mux.HandleFunc("GET /test/client", client)
	mux.Handle("/", http.NotFoundHandler())
	return mux
}

// client tells `notify_push doctor` what a request looks like when it gets here: whether a reverse proxy said
// for whom it asks, whether that is an address of an inner network, and when, so that an answer out of a cache is noticed. It needs no token, and says nothing
// that the client does not know.
func client(w http.ResponseWriter, r *http.Request) {
	forwarded := false
	for _, name := range []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded"} {
		forwarded = forwarded || r.Header.Get(name) != ""
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	from, _ := netip.ParseAddr(strings.TrimSpace(hops[len(hops)-1]))
	inner := from.IsPrivate() || from.IsLoopback() || from.IsLinkLocalUnicast()
	textreply.Write(w, fmt.Sprintf(`{"forwarded":%t,"inner":%t,"time":%d}`, forwarded, inner, time.Now().UnixNano()))
}

// permitted passes on requests that show the token, and refuses others.
func (t *selfTest) permitted(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		shown := r.Header.Get("token")
		if shown == "" {
			http.Error(w, "header token missing", http.StatusForbidden)
			return
		}
		token, _, err := t.Keys.Get(r.Context(), keyTestToken)
		switch {
		case err != nil:
			http.Error(w, "token not checked: Redis is unavailable", http.StatusServiceUnavailable)
		case subtle.ConstantTimeCompare([]byte(token), []byte(shown)) == 0: // as with no token in Redis
			http.Error(w, "wrong token", http.StatusForbidden)
		default:
			next(w, r)
		}
	}
}

// cookie also answers the setup wizard, which sends no token and expects a number.
func (t *selfTest) cookie(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("token") == "" {
		textreply.Write(w, "0")
		return
	}
	t.permitted(func(w http.ResponseWriter, _ *http.Request) {
		textreply.Write(w, strconv.FormatUint(uint64(t.System.TestCookie()), 10))
	})(w, r)
}

func (t *selfTest) reverseCookie(w http.ResponseWriter, r *http.Request) {
	cookie, err := t.Nextcloud.TestCookie(r.Context(), actors.Secret(r.Header.Get("token")))
	writeResult(w, strconv.FormatUint(uint64(cookie), 10), err)
}

func (t *selfTest) mapping(w http.ResponseWriter, r *http.Request) {
	storage, err := strconv.ParseUint(r.PathValue("storage"), 10, 64)
	if err != nil {
		http.Error(w, "invalid storage: want a number from 0 to 18446744073709551615", http.StatusBadRequest)
		return
	}
	users, err := t.System.CountUsers(r.Context(), storage)
	if err != nil {
		http.Error(w, "count the users of the storage: "+err.Error(), http.StatusInternalServerError)
		return
	}
	textreply.Write(w, strconv.Itoa(users))
}

func (t *selfTest) remote(w http.ResponseWriter, r *http.Request) {
	client, err := netip.ParseAddr(r.PathValue("ip"))
	if err != nil || client.Zone() != "" {
		http.Error(w, "invalid IP address: want one such as 192.0.2.1", http.StatusBadRequest)
		return
	}
	remote, err := t.Nextcloud.TestRemote(r.Context(), actors.Secret(r.Header.Get("token")), client)
	writeResult(w, remote, err)
}

// version reports the app's version as ours, because the app refuses another.
func (t *selfTest) version(w http.ResponseWriter, r *http.Request) {
	if err := t.Keys.Set(r.Context(), keyVersion, t.Version.Spoken(r.Context()), 0); err != nil {
		textreply.Write(w, "error")
		return
	}
	textreply.Write(w, "set")
}

// writeResult answers with status 200 also for an error: the app shows the text to the operator.
func writeResult(w http.ResponseWriter, text string, err error) {
	if err != nil {
		text = errtext.Detail(err)
	}
	textreply.Write(w, text)
}
