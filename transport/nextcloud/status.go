package nextcloud

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"time"
)

// maxStatus bounds what is read of status.php, in bytes. An honest answer has about 200.
const maxStatus = 4 << 10

// ServerStatus is what Nextcloud's status.php says, and what asking it showed.
type ServerStatus struct {
	Installed    bool   `json:"installed"`
	Maintenance  bool   `json:"maintenance"`
	NeedsUpgrade bool   `json:"needsDbUpgrade"`
	Version      string `json:"versionstring"`

	// Ahead is how far Nextcloud's clock is ahead of this machine's, exact to a second; zero where
	// the answer has no date.
	Ahead time.Duration `json:"-"`
	// Source and Target are the two ends of the connection. They are invalid over a unix socket.
	Source, Target netip.Addr `json:"-"`
}

// Status asks for Nextcloud's status.php, which answers in maintenance mode, too. All errors are
// *Error; Source and Target are right as soon as there was a connection.
func (n *Client) Status(ctx context.Context) (ServerStatus, error) {
	var status ServerStatus
	asked := time.Now()
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) {
		status.Source, status.Target = ipOf(got.Conn.LocalAddr()), ipOf(got.Conn.RemoteAddr())
	}})
	err := n.get(traced, "status.php", nil, func(ctx context.Context, response *http.Response) error {
		status.Ahead = ahead(response.Header.Get("Date"), asked, time.Now())
		if response.StatusCode != http.StatusOK {
			return n.refusal(response)
		}
		body, err := io.ReadAll(io.LimitReader(response.Body, maxStatus))
		if err != nil {
			return n.unreachable(ctx, err)
		}
		if json.Unmarshal(body, &status) != nil || status.Version == "" {
			return &Error{
				Status: http.StatusOK,
				Text:   "what answers is no Nextcloud",
				Cause:  fmt.Errorf("GET %s does not tell a version", response.Request.URL),
			}
		}
		return nil
	})
	return status, err
}

// ahead compares a clock that shows whole seconds with the middle of the time that the answer took.
func ahead(date string, asked, answered time.Time) time.Duration {
	shown, err := http.ParseTime(date)
	if err != nil {
		return 0
	}
	return shown.Add(500 * time.Millisecond).Sub(asked.Add(answered.Sub(asked) / 2))
}

// ipOf returns the IP of an end of a connection; it is invalid for a unix socket.
func ipOf(address net.Addr) netip.Addr {
	parsed, _ := netip.ParseAddrPort(address.String())
	return parsed.Addr().Unmap()
}
