package nextcloud_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
)

// logins are the ways to log in, and to be refused.
var logins = tests{
	"Name":          (*installation).testName,
	"EMail":         (*installation).testEMail,
	"AppPassword":   (*installation).testAppPassword,
	"SecondFactor":  (*installation).testSecondFactor,
	"PreAuth":       (*installation).testPreAuth,
	"WrongPassword": (*installation).testWrongPassword,
	"DisabledUser":  (*installation).testDisabledUser,
	"Throttled":     (*installation).testThrottled,
	"LockedOut":     (*installation).testLockedOut,
}

// requireLogin logs in with what a client was given, and expects the account's pushes.
func (a *account) requireLogin(t *testing.T, name, password string) {
	t.Helper()
	c := a.i.dial(t)
	require.Equal(t, "authenticated", c.logIn(name, password))
	a.i.publish(t, a.id, "it is you")
	c.awaitText("it is you")
}

// comeBack connects as clients do, again and again: a refusal, or that Nextcloud fails, is remembered for some seconds.
func (a *account) comeBack(t *testing.T) (c *client) {
	t.Helper()
	eventually(t, a.id+" is logged in", func() bool {
		c = a.i.dial(t)
		return c.logIn(a.id, a.password) == "authenticated"
	})
	c.send("listen notify_file_id")
	return c
}

// requireRefusal expects a text, and then the end without a close frame, after which clients come back.
func (i *installation) requireRefusal(t *testing.T, name, password, text string) {
	t.Helper()
	c := i.dial(t)
	require.Contains(t, c.logIn(name, password), text)
	require.Equal(t, websocket.StatusCode(-1), c.awaitEnd())
}

// testName has names with every kind of character that Nextcloud allows, and names in another case.
func (i *installation) testName(t *testing.T) {
	for _, id := range []string{"Eve Long Name", "dave@mail.example", "o'neil_1.x-y"} {
		a := i.newAccountNamed(t, id)
		a.requireLogin(t, id, a.password)
		a.requireLogin(t, strings.ToUpper(id), a.password)
		client := a.connect(t)
		client.awaitFile(a.upload(t, "file.txt"))
	}
}

func (i *installation) testEMail(t *testing.T) {
	alice := i.newAccount(t)
	i.admin().ocs(t, "PUT", "cloud/users/"+alice.id, url.Values{"key": {"email"}, "value": {alice.id + "@home.example"}})
	alice.requireLogin(t, alice.id+"@home.example", alice.password)
}

// newAppPassword makes a password for a device.
func (a *account) newAppPassword(t *testing.T) *account {
	t.Helper()
	var made struct{ AppPassword string }
	require.NoError(t, json.Unmarshal(a.ocs(t, "GET", "core/getapppassword", nil), &made))
	return &account{a.i, a.id, made.AppPassword}
}

func (i *installation) testAppPassword(t *testing.T) {
	alice := i.newAccount(t)
	alice.requireLogin(t, alice.id, alice.newAppPassword(t).password)
}

// testSecondFactor has an account that needs a second factor, which a push client cannot give: only app passwords are good.
func (i *installation) testSecondFactor(t *testing.T) {
	alice := i.newAccount(t)
	device := alice.newAppPassword(t)
	i.occ(t, "twofactorauth:enforce", "--on", "--group", i.newGroup(t, alice))
	i.requireRefusal(t, alice.id, alice.password, "err: Invalid credentials")
	alice.requireLogin(t, alice.id, device.password)
}

// testPreAuth logs in as web pages do: with a token that Nextcloud made and that is good once, whatever the name is.
func (i *installation) testPreAuth(t *testing.T) {
	alice := i.newAccount(t)
	got := alice.send(t, "POST", "index.php/apps/notify_push/pre_auth", "")
	require.Equal(t, 200, got.status)
	c := i.dial(t)
	require.Equal(t, "authenticated", c.logIn("", got.body))
	i.publish(t, alice.id, "it is you")
	require.Equal(t, "it is you", c.next())
	i.requireRefusal(t, "", got.body, "err: Invalid credentials")
}

func (i *installation) testWrongPassword(t *testing.T) {
	alice := i.newAccount(t)
	i.requireRefusal(t, alice.id, alice.password+"x", "err: Invalid credentials")
	i.requireRefusal(t, "nobody of that name", alice.password, "err: Invalid credentials")
	alice.requireLogin(t, alice.id, alice.password)
}

func (i *installation) testDisabledUser(t *testing.T) {
	alice := i.newAccount(t)
	i.occ(t, "user:disable", alice.id)
	i.requireRefusal(t, alice.id, alice.password, "err: Invalid credentials")
	i.occ(t, "user:enable", alice.id)
	alice.comeBack(t)
}

// testThrottled comes from an address that Nextcloud lets nobody log in from for a while, after too many guesses.
func (i *installation) testThrottled(t *testing.T) {
	alice := i.newAccount(t)
	address := i.newAddress()
	i.guess(t, address)
	c := i.dialFrom(t, address)
	require.Contains(t, c.logIn(alice.id, alice.password), "err: Error while sending authentication request to nextcloud: ")
	require.Equal(t, websocket.StatusCode(-1), c.awaitEnd())
	alice.comeBack(t)
}

// testLockedOut has Nextcloud lock an address out where somebody has just logged in: from there the login is not let in
// because it is remembered, and further guesses do not get through to Nextcloud. Elsewhere it is.
func (i *installation) testLockedOut(t *testing.T) {
	alice := i.newAccount(t)
	address := i.newAddress()
	require.Equal(t, "authenticated", i.dialFrom(t, address).logIn(alice.id, alice.password))
	require.Equal(t, "authenticated", i.dialFrom(t, address).logIn(alice.id, alice.password))
	i.guess(t, address)
	require.Contains(t, i.dialFrom(t, address).logIn(alice.id, alice.password+"x"), "429")
	for range 2 { // as soon as it may try
		i.awaitHandshake(t, address, http.StatusSwitchingProtocols)
		require.Contains(t, i.dialFrom(t, address).logIn(alice.id, alice.password), "429", "Nextcloud is asked")
		require.Equal(t, http.StatusTooManyRequests, i.shakeHands(t, address), "and then it has to wait")
	}
	require.Equal(t, "authenticated", i.dial(t).logIn(alice.id, alice.password))

	began, let := time.Now(), 0
	for n := range 300 {
		if i.shakeHands(t, address) == http.StatusSwitchingProtocols {
			let++
			require.Contains(t, i.dialFrom(t, address).logIn(alice.id, fmt.Sprint("guess ", n)), "429")
		}
	}
	require.LessOrEqual(t, let, 1+int(math.Log2(1+time.Since(began).Seconds())), "the time to wait doubles")
}

func (i *installation) awaitHandshake(t *testing.T, address string, status int) {
	t.Helper()
	eventually(t, fmt.Sprint("a handshake is answered ", status), func() bool { return i.shakeHands(t, address) == status })
}

// shakeHands returns the answer to a handshake.
func (i *installation) shakeHands(t *testing.T, address string) (status int) {
	t.Helper()
	ws, response, err := websocket.Dial(t.Context(), strings.Replace(i.url, "http", "ws", 1)+"/push/ws", &websocket.DialOptions{
		HTTPClient: i.http, HTTPHeader: http.Header{"X-Forwarded-For": {address}},
	})
	if err == nil {
		_ = ws.CloseNow()
	} else {
		require.NotNil(t, response, err)
	}
	return response.StatusCode
}

// guess guesses until Nextcloud refuses whatever comes from that address.
func (i *installation) guess(t *testing.T, address string) {
	t.Helper()
	guesser := account{i, "admin", "guess"}
	eventually(t, "Nextcloud refuses all", func() bool {
		return guesser.send(t, "GET", app+"uid", "", "X-Forwarded-For", address).status == http.StatusTooManyRequests
	})
}
