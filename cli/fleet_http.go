package cli

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/notifypush/notifypush/internal/textreply"
)

// Servers of one Nextcloud that do not reach Redis ask each other over HTTP, at the clients' port, whether they receive events.

// hearsPath is where. Anybody may ask; the answer is a MAC of the question.
const hearsPath = "/fleet/hears"

// answerNodes answers other servers; all other requests are next's.
func (i *instance) answerNodes(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if i.fleet == nil || r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, hearsPath) {
			next.ServeHTTP(w, r)
			return
		}
		controller := http.NewResponseController(w) // or a client could keep the connection
		_ = controller.SetReadDeadline(time.Now().Add(healthTimeout))
		_ = controller.SetWriteDeadline(time.Now().Add(healthTimeout))
		answer, hears := i.fleet.AnswerNode(i.system, r.URL.Query().Get("question"))
		if !hears {
			http.Error(w, "no events are received here", http.StatusServiceUnavailable)
			return
		}
		textreply.Write(w, answer)
	})
}

// askNode asks the server at an address, as nodeAddress returns it.
func askNode(ctx context.Context, address, question string) (answer string, err error) {
	at, encrypted := strings.CutPrefix(address, "tls:")
	at, instance, isOfSeveral := strings.Cut(at, "/")
	path := hearsPath
	if isOfSeveral {
		path = "/" + instance + hearsPath
	}
	status, body, err := get(ctx, encrypted, at, path+"?question="+url.QueryEscape(question))
	if err == nil && status != http.StatusOK {
		err = errors.New("it receives no events")
	}
	return body, err
}

// nodeAddress is where other servers reach the clients' port. It is used by one goroutine at a time.
type nodeAddress struct {
	clients net.Addr
	known   string // as soon as it is
}

// nodeAddress returns host:port, with "tls:" before it where that is spoken, and /NAME behind it of one of several instances. Where the port is open at every address of this machine,
// it is the one that Redis sees. Empty: at a unix socket, or not known yet.
func (i *instance) nodeAddress() string {
	a := &i.ownAddress
	bound, isTCP := a.clients.(*net.TCPAddr)
	if a.known != "" || !isTCP {
		return a.known
	}
	ip := bound.IP
	if ip.IsUnspecified() {
		if ip = sourceTo(i.settings.Redis.Addresses[0]); ip == nil {
			return ""
		}
	}
	a.known = net.JoinHostPort(ip.String(), strconv.Itoa(bound.Port))
	if i.name != "" {
		a.known += "/" + i.name
	}
	if i.settings.Listen.TLSCert != "" {
		a.known = "tls:" + a.known
	}
	return a.known
}

// sourceTo returns the address from which this machine reaches a URL; nothing is sent there. Over a unix socket it is loopback.
func sourceTo(address string) net.IP {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Hostname() == "" {
		return net.IPv4(127, 0, 0, 1)
	}
	const anyPort = "9"
	dialer := &net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(context.Background(), "udp", net.JoinHostPort(parsed.Hostname(), anyPort))
	if err != nil {
		return nil
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).IP
}
