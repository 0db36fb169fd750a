package transport

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/notifypush/notifypush/internal/textreply"
)

const (
	// bodyTimeout is how long a client may take to send a request body, which is of no use here.
	bodyTimeout = 10 * time.Second
	// answerTimeout is how long it may take until an answer is there and read. The self test waits for
	// Nextcloud for up to a minute.
	answerTimeout = 2 * time.Minute
)

// NewHandler returns the handler of the clients' port. It serves websocket at …/ws, selfTest at
// …/test/… (nil for none, both) and the server's version at …/version, each below any prefix that a reverse
// proxy left in place, and with doubled slashes too. Pages of any origin may call it.
func NewHandler(websocket, selfTest http.Handler, version string) http.Handler {
	return &routes{websocket, selfTest, version}
}

type routes struct {
	websocket http.Handler
	selfTest  http.Handler
	version   string
}

func (h *routes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	controller := http.NewResponseController(w) // or a client could keep the connection
	if r.ContentLength != 0 {
		_ = controller.SetReadDeadline(time.Now().Add(bodyTimeout))
	}
	_ = controller.SetWriteDeadline(time.Now().Add(answerTimeout)) // a websocket is freed from it
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Cache-Control", "no-store") // also for refusals, which caches may keep
	path := strings.FieldsFunc(r.URL.Path, func(c rune) bool { return c == '/' })
	switch {
	case r.Method == http.MethodOptions:
		allowAll(w)
	case h.websocket != nil && reads(r) && endsWith(path, "ws"):
		h.websocket.ServeHTTP(w, r)
	case h.selfTest != nil && testPath(path) != "":
		test := new(http.Request)
		*test = *r
		test.URL = &url.URL{Path: testPath(path)}
		h.selfTest.ServeHTTP(w, test)
	case reads(r) && endsWith(path, "version"):
		textreply.Write(w, h.version)
	default:
		http.Error(w, "nothing is served here; the websocket is at …/ws", http.StatusNotFound)
	}
}

// testPath returns the part of a path that is the self test's, "" where there is none.
func testPath(path []string) string {
	for _, length := range []int{2, 3} { // as in test/cookie and test/mapping/7
		if n := len(path); n >= length && path[n-length] == "test" {
			return "/" + strings.Join(path[n-length:], "/")
		}
	}
	return ""
}

// reads reports whether a request only wants to read.
func reads(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

// endsWith reports whether a path ends with these segments.
func endsWith(path []string, segments ...string) bool {
	return len(path) >= len(segments) && slices.Equal(path[len(path)-len(segments):], segments)
}

// allowAll answers a browser that asks beforehand whether it may.
func allowAll(w http.ResponseWriter) {
	w.Header().Set("Access-Control-Allow-Methods", "GET, POST")
	w.Header().Set("Access-Control-Allow-Headers", "token")
	w.WriteHeader(http.StatusNoContent)
}
