package examples

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/client"
	"github.com/notifypush/notifypush/transport"
)

// The push server is one more handler of a program's own mux, and needs to know who its clients are.
func Example_ownMux() {
	system := must(actors.New(actors.Ports{Verifier: bySecret}, actors.Options{}))
	websocket := must(transport.NewWebsocket(system, transport.WebsocketOptions{}))
	system.Start()
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "the program's own page") })
	mux.Handle("/push/ws", websocket)
	web := httptest.NewServer(mux)

	page := must(http.Get(web.URL))
	fmt.Println(string(must(io.ReadAll(page.Body))))
	page.Body.Close()
	endpoint := strings.Replace(web.URL, "http", "ws", 1) + "/push/ws"
	conn := must(client.Dial(context.Background(), client.Options{Endpoint: endpoint, User: "alice", Password: "secret"}))
	fmt.Println(must(system.Send(context.Background(), "alice", "hello")), read(conn))
	_, err := client.Dial(context.Background(), client.Options{Endpoint: endpoint, User: "alice", Password: "guess"})
	fmt.Println("invalid:", err != nil)

	go conn.Read(context.Background()) // as a client always does
	fmt.Println(system.Shutdown(context.Background()))
	websocket.Close()
	web.Close()
	// Output:
	// the program's own page
	// 1 hello
	// invalid: true
	// <nil>
}

// A program that knows its users by a JWT in a cookie needs no login of them. The connection ends with the token.
func Example_jwtByCookie() {
	key := []byte("of the program")
	authenticate := func(r *http.Request) (*actors.Identity, error) {
		cookie, err := r.Cookie("session")
		if err != nil || r.Header.Get("Origin") != "" && r.Header.Get("Origin") != "https://app.example.com" {
			return nil, actors.ErrInvalidCredentials
		}
		claims := jwt.RegisteredClaims{}
		_, err = jwt.ParseWithClaims(cookie.Value, &claims, func(*jwt.Token) (any, error) { return key, nil },
			jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
		if err != nil {
			return nil, fmt.Errorf("%w: %w", actors.ErrInvalidCredentials, err)
		}
		return &actors.Identity{User: claims.Subject, Until: claims.ExpiresAt.Time}, nil
	}
	s := serve(actors.Ports{Verifier: bySecret}, actors.Options{}, transport.WebsocketOptions{Authenticate: authenticate})
	defer s.close()

	claims := jwt.RegisteredClaims{Subject: "alice", ExpiresAt: jwt.NewNumericDate(time.Now().Add(time.Hour))}
	token := must(jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(key))
	jar := must(cookiejar.New(nil))
	jar.SetCookies(must(url.Parse(s.http.URL)), []*http.Cookie{{Name: "session", Value: token}})
	browser := &http.Client{Jar: jar}
	conn := must(client.Dial(context.Background(), client.Options{Endpoint: s.address(), HTTPClient: browser}))
	fmt.Println(must(s.Send(context.Background(), "alice", "hello")), read(conn))
	_, err := client.Dial(context.Background(), client.Options{Endpoint: s.address()})
	fmt.Println("without a cookie:", strings.Contains(err.Error(), "401"))
	// Output:
	// 1 hello
	// without a cookie: true
}

// seenBy says who sees a file, by the storage that it is in.
type seenBy map[uint64][]string

// MountsOfStorages implements actors.Mounts.
func (s seenBy) MountsOfStorages(_ context.Context, storages []uint64) (mounts []actors.Mount, _ error) {
	for _, storage := range storages {
		for _, user := range s[storage] {
			mounts = append(mounts, actors.Mount{Storage: storage, User: user})
		}
	}
	return mounts, nil
}

// The program's own code sends texts, and says what happened to files: the server finds out who is to know.
func Example_push() {
	s := serve(actors.Ports{Verifier: bySecret, Mounts: seenBy{1: {"alice", "bob"}}}, actors.Options{}, transport.WebsocketOptions{})
	defer s.close()
	alice, bob := s.dial("alice"), s.dial("bob")
	ctx := context.Background()

	fmt.Println(must(s.Send(ctx, "alice", "for alice")), read(alice))
	fmt.Println(s.Broadcast(ctx, "for all"), read(alice), read(bob))
	fmt.Println(s.Publish(ctx, actors.StorageUpdate{Storage: 1, Path: "a/b", FileID: 7}), read(alice), read(bob))
	fmt.Println(s.Publish(ctx, actors.Custom{Text: "for whom?"}) != nil)
	// Output:
	// 1 for alice
	// <nil> for all for all
	// <nil> notify_file notify_file
	// true
}

// Hooks tell who comes and who goes; Users and Connections say who is there.
func Example_presence() {
	ctx := context.Background()
	told := make(chan string)
	hooks := &actors.Hooks{
		OnConnect: func(c actors.Connection) { told <- c.User + " came" },
		OnClose:   func(c actors.Connection, why actors.CloseReason) { told <- c.User + " left: " + why.String() },
	}
	s := serve(actors.Ports{Verifier: bySecret, Hooks: hooks}, actors.Options{}, transport.WebsocketOptions{DescribeClients: true})
	conn := s.dial("alice")
	fmt.Println(<-told)
	fmt.Println(must(s.Users(ctx)))
	for _, c := range must(s.Connections(ctx, "alice")) {
		fmt.Println(c.User, c.Address, c.UserAgent, time.Since(c.Since) < time.Minute, c.LastPush.IsZero())
	}
	go conn.Close()
	fmt.Println(<-told)
	s.close()
	// Output:
	// alice came
	// [alice]
	// alice 127.0.0.1 Go-http-client/1.1 true true
	// alice left: closed_by_client
}

// A user who is disconnected has to log in again, and what was remembered of the login is forgotten.
func Example_disconnect() {
	locked := make(chan struct{})
	verifier := actors.VerifierFunc(func(ctx context.Context, c actors.Credentials) (actors.Identity, error) {
		select {
		case <-locked:
			return actors.Identity{}, actors.ErrInvalidCredentials
		default:
			return bySecret(ctx, c)
		}
	})
	s := serve(actors.Ports{Verifier: verifier}, actors.Options{}, transport.WebsocketOptions{})
	defer s.close()
	conn := s.dial("alice")
	close(locked)
	fmt.Println(s.Disconnect("alice"))
	_, err := conn.Read(context.Background())
	fmt.Println(client.CloseCode(err))
	_, err = client.Dial(context.Background(), client.Options{Endpoint: s.address(), User: "alice", Password: "secret"})
	fmt.Println(err != nil)
	// Output:
	// <nil>
	// 1008
	// true
}

// Tenants share a process and a port, and nothing else: each has a System of its own, so that the same name is
// another user.
func Example_tenants() {
	tenants := map[string]*transport.Websocket{}
	systems := map[string]*actors.System{}
	for _, name := range []string{"blue", "red"} {
		systems[name] = must(actors.New(actors.Ports{Verifier: bySecret}, actors.Options{}))
		systems[name].Start()
		tenants[name] = must(transport.NewWebsocket(systems[name], transport.WebsocketOptions{}))
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/{tenant}/ws", func(w http.ResponseWriter, r *http.Request) {
		if websocket := tenants[r.PathValue("tenant")]; websocket != nil {
			websocket.ServeHTTP(w, r)
			return
		}
		http.NotFound(w, r)
	})
	web := httptest.NewServer(mux)
	dial := func(tenant string) *client.Conn {
		endpoint := strings.Replace(web.URL, "http", "ws", 1) + "/" + tenant + "/ws"
		return must(client.Dial(context.Background(), client.Options{Endpoint: endpoint, User: "alice", Password: "secret"}))
	}
	blue, red := dial("blue"), dial("red")
	for tenant, system := range systems {
		must(system.Send(context.Background(), "alice", "hello from "+tenant))
	}
	fmt.Println(read(blue))
	fmt.Println(read(red))
	for tenant, system := range systems {
		_ = system.Shutdown(context.Background())
		tenants[tenant].Close()
	}
	web.Close()
	// Output:
	// hello from blue
	// hello from red
}
