package transport

import (
	"net/http"
	"strings"
	"time"

	"github.com/notifypush/notifypush/internal/textreply"
)

// AnswerBalancers answers GET …/readyz?for=balancer, with which a load balancer asks at the clients' port whether to send
// newcomers here: 200, or 503 with what problems returns. What that says, anybody may read. All other requests are next's.
func AnswerBalancers(problems func() map[string]string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !reads(r) || !AsksForBalancer(r) || !strings.HasSuffix(r.URL.Path, "/readyz") {
			next.ServeHTTP(w, r)
			return
		}
		controller := http.NewResponseController(w) // or a client could keep the connection
		_ = controller.SetReadDeadline(time.Now().Add(bodyTimeout))
		_ = controller.SetWriteDeadline(time.Now().Add(bodyTimeout))
		textreply.WriteReadiness(w, problems())
	})
}

// AsksForBalancer reports whether a request for /readyz wants to know where newcomers go, and not whether all is well.
func AsksForBalancer(r *http.Request) bool { return r.URL.Query().Get("for") == "balancer" }
