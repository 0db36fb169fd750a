// Package realm tells a password dialog of a web server from Nextcloud's own refusal: both have status 401.
package realm

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
)

// nextclouds are the realms that Nextcloud itself names.
var nextclouds = []string{"Nextcloud", "Authorisation Required"}

// Foreign returns the realm for which a web server in front of Nextcloud asks for a password, and whether an answer with status 401
// comes from one. Nextcloud answers with JSON, or names one of its own realms.
func Foreign(header http.Header, body []byte) (realm string, foreign bool) {
	challenge := header.Get("WWW-Authenticate")
	if challenge == "" || bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) {
		return "", false
	}
	realm = Of(header)
	return realm, !slices.Contains(nextclouds, realm)
}

// Of returns the realm that an answer names, "" for none.
func Of(header http.Header) string {
	_, realm, _ := strings.Cut(header.Get("WWW-Authenticate"), "realm=")
	if quoted, ok := strings.CutPrefix(realm, `"`); ok {
		realm, _, _ = strings.Cut(quoted, `"`)
		return realm
	}
	realm, _, _ = strings.Cut(realm, ",")
	return realm
}
