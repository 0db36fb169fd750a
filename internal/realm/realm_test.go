package realm

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestForeign(t *testing.T) {
	for _, test := range []struct {
		name, challenge, body, realm string
		foreign                      bool
	}{
		{"nginx", `Basic realm="closed shop"`, "<html>", "closed shop", true},
		{"Caddy", `Basic realm="restricted"`, "", "restricted", true},
		{"a realm without quotes", `Basic realm=shop, charset="UTF-8"`, "", "shop", true},
		{"no realm", "Negotiate", "<html>", "", true},
		{"half of a realm", `Basic realm="closed`, "", "closed", true},
		{"Nextcloud", "", `{"message":"Current user is not logged in"}`, "", false},
		{"Nextcloud's API", `DummyBasic realm="Authorisation Required"`, `{"ocs":{}}`, "", false},
		{"Nextcloud's WebDAV", `Basic realm="Nextcloud", charset="UTF-8"`, "<?xml", "Nextcloud", false},
		{"nobody says who", "", "<html>", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			header := http.Header{}
			if test.challenge != "" {
				header.Set("WWW-Authenticate", test.challenge)
			}
			realm, foreign := Foreign(header, []byte(test.body))
			require.Equal(t, test.foreign, foreign)
			require.Equal(t, test.realm, realm)
		})
	}
}

func FuzzOf(f *testing.F) {
	f.Add(`Basic realm="x"`)
	f.Add(`Basic realm=`)
	f.Fuzz(func(t *testing.T, challenge string) {
		if realm := Of(http.Header{"Www-Authenticate": {challenge}}); len(realm) > len(challenge) {
			t.Fatal(realm)
		}
	})
}
