package loadtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/coder/websocket"
	"github.com/gomodule/redigo/redis"

	"github.com/notifypush/notifypush/loadtest/internal/stand"
	"github.com/notifypush/notifypush/loadtest/internal/wire"
)

// fakeServer is a push server that does one thing wrong, which the harness must find. It is known by its defect:
//
//	honest       nothing
//	lossy        every tenth custom event of a user is lost
//	doubling     every tenth custom event of a user, and every change of a file, comes twice
//	swapping     the first two custom events of ten to a user come in the other order
//	held         custom events are held for 50 ms
//	dead         ends with the first custom event
//	unexpected   says what no push server says, instead of custom events
//	writing      does not start when there is a note of an earlier one in Redis, and leaves one
//	crossing     every tenth custom event of a user, and every change of a user's own file, reaches another one
//	pondering    takes 100 ms to say its metrics
//	stubborn     does not end when it is asked to
//	refusing     refuses each user's first login
//	limiting     lets everybody in, and closes all again but the first of each user
//	closing      closes each connection with the first custom event to it
type fakeServer struct {
	defect string

	mu     sync.Mutex
	tokens map[string]string
	users  map[string]map[*websocket.Conn]bool // true: wants file ids
	sent   map[string]int                      // custom events, by user
	held   map[string]string                   // the first of two that are swapped
	known  map[string]bool                     // users who were refused
	events int
}

func serveFake(defect string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if defect == "stubborn" {
		signal.Ignore(syscall.SIGTERM)
	}
	f := &fakeServer{defect: defect, tokens: map[string]string{}, users: map[string]map[*websocket.Conn]bool{}, sent: map[string]int{}, held: map[string]string{}, known: map[string]bool{}}
	conn, err := redis.DialURL(os.Getenv("REDIS_URL"))
	if err != nil {
		return err
	}
	if defect == "writing" {
		if fresh, err := conn.Do("SET", "note", "1", "NX"); err != nil || fresh == nil {
			return errors.Join(errors.New("there was another server before"), err)
		}
	}
	subscription := redis.PubSubConn{Conn: conn}
	if err := subscription.Subscribe("notify_custom", "notify_storage_update", "notify_activity", "notify_notification", "notify_pre_auth"); err != nil {
		return err
	}
	go f.receive(subscription)
	routes := http.NewServeMux()
	routes.HandleFunc("/ws", f.serve)
	routes.HandleFunc("/test/cookie", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "0") })
	metrics := http.NewServeMux()
	metrics.HandleFunc("/metrics", f.metrics)
	go http.ListenAndServe("127.0.0.1:"+os.Getenv("METRICS_PORT"), metrics)
	server := &http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), Handler: routes}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		return err
	}
	return nil
}

func (f *fakeServer) metrics(w http.ResponseWriter, _ *http.Request) {
	if f.defect == "pondering" {
		time.Sleep(100 * time.Millisecond)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	fmt.Fprintf(w, "# TYPE event_count_total counter\nevent_count_total %d\nmapping_query_count 7\n", f.events)
}

func (f *fakeServer) serve(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	ctx := context.Background()
	_, name, err := conn.Read(ctx)
	if err != nil {
		return
	}
	_, password, err := conn.Read(ctx)
	if err != nil {
		return
	}
	user, ok := f.login(string(name), string(password))
	if f.defect == "refusing" {
		f.mu.Lock()
		ok = f.known[user]
		f.known[user] = true
		f.mu.Unlock()
	}
	if !ok {
		conn.Write(ctx, websocket.MessageText, []byte("err: Invalid credentials"))
		return // without a close frame
	}
	f.mu.Lock()
	if f.users[user] == nil {
		f.users[user] = map[*websocket.Conn]bool{}
	}
	f.users[user][conn] = false
	err = conn.Write(ctx, websocket.MessageText, []byte("authenticated"))
	if f.defect == "limiting" && len(f.users[user]) > 1 {
		conn.Write(ctx, websocket.MessageText, []byte("Connection limit exceeded for user"))
		err = conn.CloseNow()
	}
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.users[user], conn)
	}()
	if err == nil {
		// A ping must be answered before the connection is worth anything; Ping waits until it is.
		go conn.Ping(ctx)
	}
	for {
		_, text, err := conn.Read(ctx)
		if err != nil {
			return
		}
		if string(text) == "listen notify_file_id" {
			f.mu.Lock()
			f.users[user][conn] = true
			f.mu.Unlock()
		}
	}
}

// login waits a little for a token, which Redis may still be bringing.
func (f *fakeServer) login(name, password string) (user string, ok bool) {
	if name == "" {
		for range 3000 {
			f.mu.Lock()
			user, ok = f.tokens[password]
			delete(f.tokens, password)
			f.mu.Unlock()
			if ok {
				return user, true
			}
			time.Sleep(10 * time.Millisecond)
		}
		return "", false
	}
	target, err := url.JoinPath(os.Getenv("NEXTCLOUD_URL"), "index.php/apps/notify_push/uid")
	if err != nil {
		return "", false
	}
	request, err := http.NewRequest(http.MethodGet, target, nil)
	if err != nil {
		return "", false
	}
	request.SetBasicAuth(name, password)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", false
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err == nil && response.StatusCode == http.StatusOK
}

func (f *fakeServer) receive(subscription redis.PubSubConn) {
	for {
		message, ok := subscription.Receive().(redis.Message)
		if !ok {
			continue
		}
		var event struct {
			User, Token, Message string
			Storage              uint32
			FileID               int64 `json:"file_id"`
		}
		if err := json.Unmarshal(message.Data, &event); err != nil {
			panic(err)
		}
		f.mu.Lock()
		f.events++
		switch message.Channel {
		case "notify_pre_auth":
			f.tokens[event.Token] = event.User
		case "notify_custom":
			f.custom(event.User, event.Message)
		case "notify_activity", "notify_notification":
			f.push(event.User, message.Channel)
		case "notify_storage_update":
			f.file(event.Storage, event.FileID)
		}
		f.mu.Unlock()
	}
}

func (f *fakeServer) custom(user, text string) {
	n := f.sent[user]
	f.sent[user]++
	switch {
	case f.defect == "lossy" && n%10 == 9:
	case f.defect == "doubling" && n%10 == 9:
		f.push(user, text)
		f.push(user, text)
	case f.defect == "crossing" && n%10 == 9:
		f.push(f.other(user), text)
	case f.defect == "swapping" && n%10 == 0:
		f.held[user] = text
	case f.defect == "swapping" && n%10 == 1:
		f.push(user, text)
		f.push(user, f.held[user])
	case f.defect == "held":
		time.Sleep(50 * time.Millisecond)
		f.push(user, text)
	case f.defect == "dead":
		fmt.Fprintln(os.Stderr, "dead as asked")
		os.Exit(7)
	case f.defect == "unexpected":
		f.push(user, "what is this?")
	case f.defect == "closing":
		for conn := range f.users[user] {
			conn.Close(websocket.StatusServiceRestart, "")
		}
	default:
		f.push(user, text)
	}
}

func (f *fakeServer) file(storage uint32, id int64) {
	switch {
	case storage == stand.SharedStorage:
		for user := range f.users {
			f.pushFile(user, id)
		}
	case storage < stand.IdleStorage:
		user := wire.UserName(int32(storage - stand.HomeStorage))
		if f.defect == "crossing" {
			user = f.other(user)
		}
		f.pushFile(user, id)
	}
}

// other is a user who is connected besides this one.
func (f *fakeServer) other(user string) string {
	for other, conns := range f.users {
		if other != user && len(conns) > 0 {
			return other
		}
	}
	return ""
}

func (f *fakeServer) pushFile(user string, id int64) {
	for conn, ids := range f.users[user] {
		text := "notify_file"
		if ids {
			text = fmt.Sprintf("notify_file_id [%d]", id)
		}
		conn.Write(context.Background(), websocket.MessageText, []byte(text))
		if f.defect == "doubling" {
			conn.Write(context.Background(), websocket.MessageText, []byte(text))
		}
	}
}

func (f *fakeServer) push(user, text string) {
	for conn := range f.users[user] {
		conn.Write(context.Background(), websocket.MessageText, []byte(strings.TrimSpace(text)))
	}
}
