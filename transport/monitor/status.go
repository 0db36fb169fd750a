package monitor

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/transport"
)

// TokenHeader is the header with which a request shows that it knows a token; it may also be a Bearer.
const TokenHeader = "X-Admin-Token"

const (
	// maxRows bounds the clients of one answer, and the throttled addresses.
	maxRows = 100
	// usersAge is how old the list of users may be: those who look at the page share it.
	usersAge = 2 * time.Second
	// answerTimeout bounds how long the actors are waited for, and maxBody what an action may say, in bytes.
	answerTimeout, maxBody = 5 * time.Second, 4 << 10
)

// policy has the page run nothing but its own files.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

//go:embed page
var page embed.FS

// Status is what the status page shows beside Source, and what it can do. All fields are required. Its functions must be
// safe for concurrent use.
type Status struct {
	System     System
	History    *History
	Log        *zap.Logger // of the actions, at warn
	Started    time.Time
	AppVersion func() string
	// Latencies returns how long the dependencies took over the last question that they answered, by their names in
	// Source.Problems.
	Latencies func() map[string]Latency
	// Servers returns the other servers of the fleet; it may be nil.
	Servers func() []Server
	// Throttled and ClearRateLimit are those of transport.Websocket.
	Throttled      func(limit int) (list []transport.Throttled, all int)
	ClearRateLimit func(address netip.Addr) bool
	// LogLevel returns the level of now. SetLogLevel takes another one, and with "" the one before the last.
	LogLevel    func() string
	SetLogLevel func(spec string) error
	// Drain closes all connections and has newcomers refused, or has them taken again.
	Drain func(on bool) error
	// AdminToken returns what a request must know that changes anything; "": nobody can change anything.
	AdminToken func() actors.Secret

	mu     sync.Mutex // guards the rest, also while the users are asked for
	users  []string   // sorted
	listed time.Time
}

// System is what the page needs of an actors.System.
type System interface {
	Users(ctx context.Context) ([]string, error)
	Connections(ctx context.Context, user string) ([]actors.Connection, error)
	Disconnect(user string) error
	ForgetLogins(user string) error
	DisconnectAll() error
}

// Latency is how long a dependency took over the last question that it answered.
type Latency struct {
	Took time.Duration
	At   time.Time
}

// StatusReply is what /api/status answers.
type StatusReply struct {
	Version      string       `json:"version"`
	AppVersion   string       `json:"app_version"`
	GoVersion    string       `json:"go_version"`
	Time         time.Time    `json:"time"` // of this server's clock
	Started      time.Time    `json:"started"`
	Ready        bool         `json:"ready"`
	ReadySince   *time.Time   `json:"ready_since"` // nil while it is not
	Problems     []Problem    `json:"problems"`
	Warning      string       `json:"warning"` // of Source
	Dependencies []Dependency `json:"dependencies"`
	Servers      []Server     `json:"servers"` // the others of the fleet
	Now          Point        `json:"now"`
	Hour         []Point      `json:"hour"` // one a minute, the oldest first
	Total        Totals       `json:"total"`
	Waiting      uint64       `json:"logins_waiting"`
	InFlight     uint64       `json:"logins_in_flight"`
	Throttled    int          `json:"throttled"`
	LogLevel     string       `json:"log_level"`
	CanAct       bool         `json:"can_act"` // there is an admin token
}

// Totals count since the start.
type Totals struct {
	Connections uint64 `json:"connections"`
	Events      uint64 `json:"events"`
	Pushes      uint64 `json:"pushes"`
	Refused     uint64 `json:"refused"`
	Resyncs     uint64 `json:"resyncs"`
}

// Server is another server of the fleet, as it has said itself.
type Server struct {
	Name        string    `json:"name"`
	Version     string    `json:"version"`
	Since       time.Time `json:"since"` // known to this one
	Connections uint64    `json:"connections"`
	Ending      bool      `json:"ending"` // it lets its clients go
}

// Dependency is what this server needs.
type Dependency struct {
	Name    string     `json:"name"`
	OK      bool       `json:"ok"`
	Latency *float64   `json:"latency_ms"` // of the last answer; nil before the first
	At      *time.Time `json:"latency_at"`
}

// ClientsReply is what /api/clients answers: of the users that match, in order, those from From on, at most 100 clients.
type ClientsReply struct {
	Users     int                   `json:"users"` // that match
	From      int                   `json:"from"`
	Next      int                   `json:"next"` // where to go on; 0: nowhere
	Clients   []Client              `json:"clients"`
	Throttled []transport.Throttled `json:"throttled"`
}

// Client is one connection.
type Client struct {
	User     string     `json:"user"`
	Address  string     `json:"address"` // "" where it is not known
	Program  string     `json:"program"` // its User-Agent
	Since    time.Time  `json:"since"`
	LastPush *time.Time `json:"last_push"` // nil before the first
}

func (s *Status) serveAt(mux *http.ServeMux, source *Source) {
	serveAssets(mux)
	mux.Handle("GET /api/status", guarded(func(w http.ResponseWriter, _ *http.Request) { answer(w, s.status(source)) }))
	mux.Handle("GET /api/clients", guarded(s.serveClients))
	for path, act := range map[string]func(context.Context, order) error{
		"disconnect":       func(_ context.Context, o order) error { return s.System.Disconnect(o.User) },
		"forget-logins":    func(_ context.Context, o order) error { return s.System.ForgetLogins(o.User) },
		"reset":            func(_ context.Context, _ order) error { return s.System.DisconnectAll() },
		"log-level":        func(_ context.Context, o order) error { return s.SetLogLevel(o.Level) },
		"clear-rate-limit": s.clearRateLimit,
		"drain":            func(_ context.Context, o order) error { return s.Drain(!o.Undo) },
	} {
		mux.Handle("POST /api/"+path, guarded(func(w http.ResponseWriter, r *http.Request) { s.serveAction(w, r, path, act) }))
	}
}

// guarded sends the headers that protect the page.
func guarded(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		} {
			w.Header().Set(name, value)
		}
		next(w, r)
	})
}

func answer(w http.ResponseWriter, reply any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(reply)
}

func refuse(w http.ResponseWriter, status int, reason string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": reason})
}

func (s *Status) status(source *Source) StatusReply {
	stats := source.Stats()
	problems, ready := s.History.Problems()
	_, throttled := s.Throttled(0)
	reply := StatusReply{
		Version: source.Version, AppVersion: s.AppVersion(), GoVersion: runtime.Version(),
		Time: time.Now(), Started: s.Started, Ready: len(problems) == 0,
		Problems: []Problem{}, Servers: []Server{}, Warning: source.Warning(), Now: s.History.Now(), Hour: s.History.Points(),
		Total: Totals{Connections: stats.TotalConnections, Events: stats.EventsReceived, Pushes: stats.AllMessagesSent(),
			Refused: stats.Logins.Refused, Resyncs: stats.Resyncs},
		Waiting: stats.LoginsWaiting, InFlight: stats.LoginsInFlight, Throttled: throttled,
		LogLevel: s.LogLevel(), CanAct: s.AdminToken() != "",
	}
	reply.Now.Connections, reply.Now.Users = stats.ActiveConnections, stats.ActiveUsers
	if reply.Ready {
		reply.ReadySince = &ready
	}
	for _, name := range slices.Sorted(maps.Keys(problems)) {
		reply.Problems = append(reply.Problems, problems[name])
	}
	if s.Servers != nil {
		reply.Servers = append(reply.Servers, s.Servers()...)
	}
	latencies := s.Latencies()
	for _, name := range []string{"redis", "database", "nextcloud"} {
		_, isProblem := problems[name]
		d := Dependency{Name: name, OK: !isProblem}
		if l, known := latencies[name]; known {
			d.Latency, d.At = new(float64(l.Took.Microseconds())/1000), &l.At
		}
		reply.Dependencies = append(reply.Dependencies, d)
	}
	return reply
}

// serveClients answers with names and addresses: to those on this machine, or who know the token.
func (s *Status) serveClients(w http.ResponseWriter, r *http.Request) {
	if !isLocal(r) && !s.knowsToken(r) {
		refuse(w, http.StatusUnauthorized, "who is connected is shown on the server itself, at 127.0.0.1 or the unix socket, or with the admin token (--admin-token)")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	from, _ := strconv.Atoi(r.FormValue("from"))
	reply, err := s.clients(ctx, r.FormValue("search"), from)
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	reply.Throttled, _ = s.Throttled(maxRows)
	answer(w, reply)
}

func (s *Status) clients(ctx context.Context, search string, from int) (ClientsReply, error) {
	users, err := s.matching(ctx, search)
	from = min(max(from, 0), len(users))
	reply := ClientsReply{Users: len(users), From: from, Clients: []Client{}}
	for i, user := range users[from:] {
		if len(reply.Clients) >= maxRows || i >= maxRows {
			reply.Next = from + i
			break
		}
		var connections []actors.Connection
		if connections, err = s.System.Connections(ctx, user); err != nil {
			break
		}
		for _, c := range connections[:min(len(connections), maxRows)] {
			client := Client{User: c.User, Address: c.Address, Program: c.UserAgent, Since: c.Since}
			if !c.LastPush.IsZero() {
				client.LastPush = &c.LastPush
			}
			reply.Clients = append(reply.Clients, client)
		}
	}
	return reply, err
}

// matching returns the users whose id has a text in it, in any case: first those that begin with it.
func (s *Status) matching(ctx context.Context, search string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.listed) >= usersAge {
		users, err := s.System.Users(ctx)
		if err != nil {
			return nil, err
		}
		slices.Sort(users)
		s.users, s.listed = users, time.Now()
	}
	if search == "" {
		return s.users, nil
	}
	search = strings.ToLower(search)
	var first, others []string
	for _, user := range s.users {
		switch strings.Index(strings.ToLower(user), search) {
		case -1:
		case 0:
			first = append(first, user)
		default:
			others = append(others, user)
		}
	}
	return append(first, others...), nil
}

// order is what an action is told.
type order struct {
	User    string `json:"user"`
	Address string `json:"address"`
	Level   string `json:"level"`
	Undo    bool   `json:"undo"`
}

func (s *Status) serveAction(w http.ResponseWriter, r *http.Request, name string, act func(context.Context, order) error) {
	if s.AdminToken() == "" {
		refuse(w, http.StatusForbidden, "actions are off; --admin-token turns them on")
		return
	}
	if !s.knowsToken(r) {
		refuse(w, http.StatusUnauthorized, "this is not the admin token")
		return
	}
	var told order
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&told); err != nil {
		refuse(w, http.StatusBadRequest, "the body is not a JSON object: "+err.Error())
		return
	}
	if name == "disconnect" && told.User == "" {
		refuse(w, http.StatusBadRequest, "no user is named")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	if err := act(ctx, told); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	s.Log.Warn("operator action", zap.String("action", name), zap.String("user", told.User), zap.String("address", told.Address),
		zap.String("level", told.Level), zap.Bool("undo", told.Undo), zap.String("by", r.RemoteAddr))
	answer(w, struct{}{})
}

func (s *Status) clearRateLimit(_ context.Context, o order) error {
	address, err := netip.ParseAddr(o.Address)
	if err == nil && !s.ClearRateLimit(address) {
		err = errors.New("no login of this address has failed lately")
	}
	return err
}

func (s *Status) knowsToken(r *http.Request) bool { return shows(r, s.AdminToken) }

// isLocal reports whether a request comes from this machine, and not by way of a page of another site whose name was
// made to lead here: then Host would be that name.
func isLocal(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err == nil && !peer.Addr().Unmap().IsLoopback() || r.Header.Get("X-Forwarded-For") != "" {
		return false
	}
	host := hostOf(r)
	_, err = netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil || host == "localhost" || host == ownHost
}

// ownHost is the Host that the commands of this program send.
const ownHost = "notify_push"
