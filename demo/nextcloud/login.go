package nextcloud

import (
	"context"
	"net/http"
	"strings"
)

// userKey is where the context of a request holds its user.
type userKey struct{}

// withUser refuses requests with a wrong name or password, whatever they ask for, and tells next whose the others are.
func (n *Nextcloud) withUser(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch user, tried, ok := n.login(r); {
		case ok:
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, user)))
		case !tried || r.URL.Path == "/status.php":
			next.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, "/ocs/"):
			w.Header().Set("WWW-Authenticate", `Basic realm="Authorisation Required"`)
			answerAPI(w, http.StatusUnauthorized, 997, "Unauthorised")
		default:
			answer(w, http.StatusUnauthorized, "application/json", `{"message":""}`)
		}
	})
}

func userOf(r *http.Request) (user User, found bool) {
	user, found = r.Context().Value(userKey{}).(User)
	return user, found
}

// authenticated hands requests with a user on to next, and refuses the others.
func authenticated(next func(http.ResponseWriter, *http.Request, User)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		user, found := userOf(r)
		if !found {
			answer(w, http.StatusUnauthorized, "application/json", `{"message":"Current user is not logged in"}`)
			return
		}
		next(w, r, user)
	}
}

// login says whose name and password a request has, and whether it has any.
func (n *Nextcloud) login(r *http.Request) (user User, tried, ok bool) {
	name, password, _ := r.BasicAuth()
	if name == "" {
		return User{}, false, false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stats.Logins[r.URL.Path]++
	user, ok = n.users[strings.ToLower(name)]
	if !ok || user.Password != password || n.behaviour.Fault == FaultDenied {
		n.stats.Refused++
		return User{}, true, false
	}
	return user, true, true
}
