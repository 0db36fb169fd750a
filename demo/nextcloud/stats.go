package nextcloud

import (
	"maps"
	"net/http"
	"strings"
)

// Stats counts what arrived since the start, or since [Nextcloud.ResetStats].
type Stats struct {
	// Logins are the requests with a name and a password, by path.
	Logins map[string]int
	// Refused are those of them that were answered 401.
	Refused int
	// InFlight are the requests without an answer yet, those that queue for a worker included.
	// Those for status.php and test/version are none of them: push servers ask for these on their
	// own account, and not for a client.
	InFlight int
	// MostInFlight is the largest number that InFlight has reached.
	MostInFlight int
}

// Stats are the counters of this moment.
func (n *Nextcloud) Stats() Stats {
	n.mu.Lock()
	defer n.mu.Unlock()
	stats := n.stats
	stats.Logins = maps.Clone(stats.Logins)
	return stats
}

// ResetStats starts counting anew.
func (n *Nextcloud) ResetStats() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stats = Stats{Logins: map[string]int{}, InFlight: n.stats.InFlight, MostInFlight: n.stats.InFlight}
}

func (n *Nextcloud) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/status.php" || strings.HasSuffix(r.URL.Path, "/test/version") {
			next.ServeHTTP(w, r)
			return
		}
		n.mu.Lock()
		n.stats.InFlight++
		n.stats.MostInFlight = max(n.stats.MostInFlight, n.stats.InFlight)
		n.mu.Unlock()
		defer func() {
			n.mu.Lock()
			n.stats.InFlight--
			n.mu.Unlock()
		}()
		next.ServeHTTP(w, r)
	})
}
