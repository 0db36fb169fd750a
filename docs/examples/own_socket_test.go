package examples

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/notifypush/notifypush/actors"
)

// events is one client's stream of server-sent events, as an actors.MessageTransport.
type events struct {
	w http.ResponseWriter
}

// Send implements actors.MessageTransport. A text with line breaks would be several lines.
func (e events) Send(_ context.Context, text string) error { return e.write("data: " + text + "\n\n") }

// Ping implements actors.MessageTransport. The client of a stream cannot answer: TCP does.
func (e events) Ping(context.Context) error { return e.write(": ping\n\n") }

// Close implements actors.MessageTransport. The handler returns when the socket is done.
func (e events) Close(int, string) {}

func (e events) write(text string) error {
	if _, err := fmt.Fprint(e.w, text); err != nil {
		return err
	}
	return http.NewResponseController(e.w).Flush()
}

// A transport of one's own sends messages and knows nothing of frames: here, server-sent events.
func Example_ownSocket() {
	system := must(actors.New(actors.Ports{Verifier: bySecret}, actors.Options{}))
	system.Start()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, password, _ := r.BasicAuth()
		login, err := system.Authenticate(r.Context(), actors.Credentials{Login: name, Password: actors.Secret(password)})
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		socket := actors.NewMessageSocket(events{w})
		if err := system.Attach(login, socket); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		select {
		case <-r.Context().Done(): // the client is gone
			socket.Ended(actors.ClosedByClient)
			<-socket.Done()
		case <-socket.Done():
		}
	}))
	stream := must(http.Get(strings.Replace(web.URL, "://", "://alice:secret@", 1)))
	lines := bufio.NewScanner(stream.Body)
	next := func() string {
		for lines.Scan() {
			if lines.Text() != "" {
				return lines.Text()
			}
		}
		return "end"
	}
	fmt.Println(next())
	fmt.Println(must(system.Send(context.Background(), "alice", "hello")), next())
	_ = system.Shutdown(context.Background())
	fmt.Println(next())
	stream.Body.Close()
	web.Close()
	// Output:
	// data: authenticated
	// 1 data: hello
	// end
}
