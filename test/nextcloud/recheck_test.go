package nextcloud_test

import (
	"net/url"
	"testing"
)

// testRecheck takes logins away while the push server is restarted: they come back at first, because it remembers them, and are
// gone when Nextcloud was asked, with everything that the same credentials opened.
func (i *installation) testRecheck(t *testing.T) {
	revoked, disabled, changed, unchanged := i.newAccount(t).newAppPassword(t), i.newAccount(t), i.newAccount(t), i.newAccount(t)
	all := []*account{revoked, disabled, changed, unchanged}
	for _, a := range all {
		a.connect(t)
	}
	i.push.Stop()
	revoked.ocs(t, "DELETE", "core/apppassword", nil)
	i.occ(t, "user:disable", disabled.id)
	i.admin().ocs(t, "PUT", "cloud/users/"+changed.id, url.Values{"key": {"password"}, "value": {changed.password + " of today"}})

	usual := i.push
	i.servePush(t, "AUTH_RECHECK=2s")
	clients := map[*account][]*client{}
	for _, a := range all {
		clients[a] = []*client{a.connect(t), a.connect(t)}
	}
	for _, a := range all[:3] {
		for _, c := range clients[a] {
			c.awaitText("err: Invalid credentials")
			c.awaitEnd()
		}
		i.requireRefusal(t, a.id, a.password, "err: Invalid credentials")
	}
	for _, c := range clients[unchanged] {
		i.publish(t, unchanged.id, "still here")
		c.awaitText("still here")
	}
	i.push.Stop()
	i.push = usual
	i.push.Start()
	i.requireService(t)
}
