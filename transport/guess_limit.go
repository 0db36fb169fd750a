package transport

import (
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/notifypush/notifypush/actors"
)

// LimitGuesses returns a handler that slows down addresses from which tokens of the self test are guessed, as the login rate limit
// does: for each token that a request shows, next asks Redis, and answers 403 if it is wrong. Requests without a token cost nothing.
func (w *Websocket) LimitGuesses(next http.Handler) http.Handler {
	limit := &loginRateLimit{}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("token") == "" {
			next.ServeHTTP(rw, r)
			return
		}
		peer, _ := netip.ParseAddrPort(r.RemoteAddr)
		from := originOf(r.Header, peer.Addr(), w.options.proxies())
		try := attempt{own: addressKey(from)}
		if wait := limit.wait(try.own, time.Now()); wait > 0 {
			w.countRefusal(actors.AddressThrottled, from, "too many wrong tokens of the self test")
			rw.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
			http.Error(rw, "too many wrong tokens", http.StatusTooManyRequests)
			return
		}
		noted := &statusWriter{ResponseWriter: rw}
		next.ServeHTTP(noted, r)
		if noted.status == http.StatusForbidden {
			limit.refused(try, time.Now())
		}
	})
}

// statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}
