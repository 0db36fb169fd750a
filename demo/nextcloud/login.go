package nextcloud

import (
	"fmt"
	"net/http"
	"strings"
)

// authenticated lets a request through to next with the account that its basic authentication names.
func (n *Nextcloud) authenticated(next func(http.ResponseWriter, *http.Request, User)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		user, ok := n.login(r)
		if !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="Authorisation Required"`)
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"message":"Current user is not logged in"}`)
			return
		}
		next(w, r, user)
	}
}

func (n *Nextcloud) login(r *http.Request) (User, bool) {
	name, password, ok := r.BasicAuth()
	if !ok {
		return User{}, false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stats.Logins[r.URL.Path]++
	user, ok := n.users[name]
	if !ok || user.Password != password || n.behaviour.Fault == FaultDenied {
		n.stats.Refused++
		return User{}, false
	}
	return user, true
}

// websocketURL does what the app does with its base endpoint.
func websocketURL(pushURL string) string {
	if rest, ok := strings.CutPrefix(pushURL, "https://"); ok {
		return "wss://" + rest + "/ws"
	}
	return "ws://" + strings.TrimPrefix(pushURL, "http://") + "/ws"
}
