package loadtest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/notifypush/notifypush/loadtest"
)

func Example() {
	if len(os.Args) > 2 && os.Args[1] == "helper" {
		if err := loadtest.Help(os.Args[2]); err != nil {
			log.Fatal(err)
		}
		return
	}
	self, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	report, err := loadtest.Run(context.Background(), loadtest.Options{
		Scenarios: []loadtest.Scenario{{
			Name:    "small",
			Clients: 100,
			Steps:   []loadtest.Step{{Connect: &loadtest.Connect{}}, {Publish: &loadtest.Publish{Events: 1000}}},
		}},
		Servers:       []loadtest.Server{{Command: `exec notify_push "$CONFIG_FILE"`}},
		HelperCommand: []string{self, "helper"},
	})
	for _, result := range report.Results {
		if err := result.WriteTable(os.Stdout); err != nil {
			log.Fatal(err)
		}
	}
	if err != nil {
		log.Fatal(err)
	}
}

// Three servers of one Nextcloud, through a real balancer: what do clients notice when all are restarted, one after the other?
func Example_fleet() {
	result, err := loadtest.Run(context.Background(), loadtest.Options{
		Scenarios: []loadtest.Scenario{{
			Name:      "update",
			Clients:   300,
			Nodes:     3,
			Nextcloud: loadtest.Nextcloud{Delay: 500 * time.Millisecond, Workers: 16},
			Steps:     []loadtest.Step{{Connect: &loadtest.Connect{}}, {Restart: &loadtest.Restart{Rate: 600}}},
		}},
		Servers:  []loadtest.Server{{Command: `exec notify_push "$CONFIG_FILE"`}},
		Balancer: "exec haproxy -db -f fleet.cfg",
	})
	if err != nil {
		log.Print(err)
		return
	}
	for _, name := range []string{"waited for Nextcloud", "away max", "missed while away", "lost"} {
		value, _ := result.Results[0].Steps[2].Figure(name) // the first is the start
		fmt.Println(name, value)
	}
}

// pushServer lets everybody in whom a cookie names, and sends custom events on.
type pushServer struct {
	mu    sync.Mutex
	conns map[string]*websocket.Conn // by user
}

func (s *pushServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, err := r.Cookie("user")
	if err != nil {
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	s.mu.Lock()
	s.conns[user.Value] = conn
	s.mu.Unlock()
	err = conn.Write(r.Context(), websocket.MessageText, []byte("authenticated"))
	for err == nil {
		_, _, err = conn.Read(r.Context()) // the client asks for ids of files: there are none
	}
}

func (s *pushServer) publish(_ string, payload []byte) error {
	var event struct{ User, Message string }
	if err := json.Unmarshal(payload, &event); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns[event.User].Write(context.Background(), websocket.MessageText, []byte(event.Message))
}

// A server in this process: clients log in with a cookie, and events reach it without Redis.
func Example_ownServer() {
	server := &pushServer{conns: map[string]*websocket.Conn{}}
	web := httptest.NewServer(server)
	defer web.Close()
	report, err := loadtest.Run(context.Background(), loadtest.Options{
		URL:     "ws" + strings.TrimPrefix(web.URL, "http"),
		Publish: server.publish,
		Login: func(_ int, user string) (loadtest.Login, error) {
			return loadtest.Login{Header: http.Header{"Cookie": {"user=" + user}}}, nil
		},
		Scenarios: []loadtest.Scenario{{
			Name:    "cookies",
			Clients: 100,
			Steps:   []loadtest.Step{{Connect: &loadtest.Connect{}}, {Publish: &loadtest.Publish{Events: 1000}}},
		}},
	})
	if err != nil {
		log.Print(err)
		return
	}
	for _, figure := range []string{"delivered", "lost", "out of order"} {
		value, _ := report.Results[0].Steps[1].Figure(figure)
		fmt.Println(figure, value)
	}
	// Output:
	// delivered 1000
	// lost 0
	// out of order 0
}
