package nextcloud_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
)

// patience bounds every wait for something that must happen.
const patience = time.Minute

// eventually tries until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(200 * time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "it does not happen: %s", what)
	}
}

// client is a websocket client of the push server, behind the web server.
type client struct {
	t     *testing.T
	ws    *websocket.Conn
	texts chan string // closed at the end of the connection
	cause error       // of the end, once texts is closed
	ended error       // the same, once that is known from texts
	heard []string    // what was taken from texts
}

// dial opens a connection, from an address of its own: attempts to log in count by address.
func (i *installation) dial(t *testing.T) *client {
	t.Helper()
	return i.dialFrom(t, i.newAddress())
}

func (i *installation) newAddress() string {
	n := i.addresses.Add(1)
	return fmt.Sprintf("198.18.%d.%d", n/256, n%256)
}

func (i *installation) dialFrom(t *testing.T, address string) *client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, strings.Replace(i.url, "http", "ws", 1)+"/push/ws", &websocket.DialOptions{
		HTTPClient: i.http, HTTPHeader: http.Header{"X-Forwarded-For": {address}},
	})
	require.NoError(t, err)
	c := &client{t: t, ws: ws, texts: make(chan string, 1024)}
	t.Cleanup(func() { _ = ws.CloseNow() })
	go c.listen()
	return c
}

// listen passes on what the server sends until the connection ends.
func (c *client) listen() {
	defer close(c.texts)
	for {
		_, text, err := c.ws.Read(context.Background())
		if err != nil {
			c.cause = err
			return
		}
		c.texts <- string(text)
	}
}

func (c *client) send(text string) {
	c.t.Helper()
	require.NoError(c.t, c.ws.Write(c.t.Context(), websocket.MessageText, []byte(text)))
}

// next returns what the server sends next.
func (c *client) next() string {
	c.t.Helper()
	return c.await("the next text", func(string) bool { return true })
}

// await returns the first text that matches, of those to come.
func (c *client) await(what string, matches func(text string) bool) string {
	c.t.Helper()
	text, found := c.awaitWithin(patience, matches)
	require.True(c.t, found, "%s did not come; %q did (end of the connection: %v)", what, c.heard, c.ended)
	return text
}

func (c *client) awaitWithin(limit time.Duration, matches func(text string) bool) (text string, found bool) {
	timeout := time.After(limit)
	for {
		select {
		case text, open := <-c.texts:
			if !open {
				c.ended = c.cause
				return "", false
			}
			c.heard = append(c.heard, text)
			if matches(text) {
				return text, true
			}
		case <-timeout:
			return "", false
		}
	}
}

// awaitText waits for one text.
func (c *client) awaitText(text string) {
	c.t.Helper()
	c.await(text, func(got string) bool { return got == text })
}

// awaitTexts waits for texts that come in any order, and among others.
func (c *client) awaitTexts(texts ...string) {
	c.t.Helper()
	missing := slices.Clone(texts)
	c.await(fmt.Sprintf("%q", texts), func(got string) bool {
		if k := slices.Index(missing, got); k >= 0 {
			missing = slices.Delete(missing, k, k+1)
		}
		return len(missing) == 0
	})
}

// awaitFile waits for a push that names a file.
func (c *client) awaitFile(fileID uint64) (fileIDs []uint64) {
	c.t.Helper()
	c.await(fmt.Sprint("a push for file ", fileID), func(text string) bool {
		fileIDs = idsOf(text)
		return slices.Contains(fileIDs, fileID)
	})
	return fileIDs
}

// idsOf are the ids in a push for files, nil if it has none.
func idsOf(text string) (fileIDs []uint64) {
	list, _ := strings.CutPrefix(text, "notify_file_id ")
	_ = json.Unmarshal([]byte(list), &fileIDs)
	return fileIDs
}

// forget forgets what comes in a time.
func (c *client) forget(time time.Duration) {
	c.awaitWithin(time, func(string) bool { return false })
	c.heard = nil
}

// awaitEnd waits for the end of the connection and returns the code of the close frame, -1 without one.
func (c *client) awaitEnd() websocket.StatusCode {
	c.t.Helper()
	_, found := c.awaitWithin(patience, func(string) bool { return false })
	require.False(c.t, found)
	require.Error(c.t, c.ended, "the connection does not end")
	return websocket.CloseStatus(c.ended)
}

// logIn sends a login and returns the answer.
func (c *client) logIn(user, password string) (answer string) {
	c.t.Helper()
	c.send(user)
	c.send(password)
	return c.next()
}

// connect opens a connection that is logged in as the account, and that wants the ids of files.
func (a *account) connect(t *testing.T) *client {
	t.Helper()
	c := a.i.dial(t)
	require.Equal(t, "authenticated", c.logIn(a.id, a.password))
	c.send("listen notify_file_id")
	return c
}
