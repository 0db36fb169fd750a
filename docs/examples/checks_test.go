package examples

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
	"github.com/notifypush/notifypush/client"
	"github.com/notifypush/notifypush/loadtest"
	"github.com/notifypush/notifypush/storage"
	"github.com/notifypush/notifypush/transport"
	"github.com/notifypush/notifypush/transport/frame"
	"github.com/notifypush/notifypush/transport/monitor"
	"github.com/notifypush/notifypush/transport/nextcloud"
)

// check is one thing that a program may rely on. It returns what is wrong, or "".
type check struct {
	name string
	is   func(t *testing.T) string
}

func run(t *testing.T, checks []check) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			if wrong := c.is(t); wrong != "" {
				t.Error(wrong)
			}
		})
	}
}

// refused wants an error that says all of these words.
func refused(err error, words ...string) string {
	if err == nil {
		return "no error"
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			return "the error does not say " + word + ": " + err.Error()
		}
	}
	return ""
}

func is(err, want error) string {
	if !errors.Is(err, want) {
		return "not " + want.Error()
	}
	return ""
}

func newSystem(options actors.Options) error {
	_, err := actors.New(actors.Ports{Verifier: bySecret}, options)
	return err
}

// Nothing that a program gives makes the library panic, and an error says what to do.
func TestNothingPanics(t *testing.T) {
	negative := -time.Second
	few := -1
	system := must(actors.New(actors.Ports{Verifier: bySecret}, actors.Options{}))
	websocket := func(options transport.WebsocketOptions) error {
		_, err := transport.NewWebsocket(system, options)
		return err
	}
	run(t, []check{
		{"no Verifier", func(*testing.T) string {
			_, err := actors.New(actors.Ports{}, actors.Options{})
			return refused(err, "Verifier")
		}},
		{"a Verifier alone", func(*testing.T) string {
			if err := newSystem(actors.Options{}); err != nil {
				return err.Error()
			}
			return ""
		}},
		{"negative MaxDebounceTime", func(*testing.T) string {
			return refused(newSystem(actors.Options{MaxDebounceTime: &negative}), "MaxDebounceTime")
		}},
		{"negative MaxConnectionTime", func(*testing.T) string {
			return refused(newSystem(actors.Options{MaxConnectionTime: negative}), "MaxConnectionTime")
		}},
		{"negative MaxConnectionsPerUser", func(*testing.T) string {
			return refused(newSystem(actors.Options{MaxConnectionsPerUser: -1}), "MaxConnectionsPerUser")
		}},
		{"negative AuthCacheTTL", func(*testing.T) string {
			return refused(newSystem(actors.Options{AuthCacheTTL: &negative}), "AuthCacheTTL")
		}},
		{"negative AuthResume", func(*testing.T) string {
			return refused(newSystem(actors.Options{AuthResume: &negative}), "AuthResume")
		}},
		{"negative AuthMaxAge", func(*testing.T) string {
			return refused(newSystem(actors.Options{AuthMaxAge: &negative}), "AuthMaxAge")
		}},
		{"negative AuthRecheck", func(*testing.T) string {
			return refused(newSystem(actors.Options{AuthRecheck: &negative}), "AuthRecheck")
		}},
		{"negative AuthRefusalTTL", func(*testing.T) string {
			return refused(newSystem(actors.Options{AuthRefusalTTL: &negative}), "AuthRefusalTTL")
		}},
		{"negative AuthTimeout", func(*testing.T) string {
			return refused(newSystem(actors.Options{AuthTimeout: negative}), "AuthTimeout")
		}},
		{"negative AuthConcurrency", func(*testing.T) string {
			return refused(newSystem(actors.Options{AuthConcurrency: &few}), "AuthConcurrency")
		}},
		{"negative DrainTimeout", func(*testing.T) string {
			return refused(newSystem(actors.Options{DrainTimeout: &negative}), "DrainTimeout")
		}},
		{"a websocket without a system", func(*testing.T) string {
			_, err := transport.NewWebsocket(nil, transport.WebsocketOptions{})
			return refused(err, "System")
		}},
		{"negative Limits.Connections", func(*testing.T) string {
			return refused(websocket(transport.WebsocketOptions{Limits: transport.Limits{Connections: -1}}), "Connections")
		}},
		{"negative Limits.Logins", func(*testing.T) string {
			return refused(websocket(transport.WebsocketOptions{Limits: transport.Limits{Logins: -1}}), "Logins")
		}},
		{"negative Limits.LoginsPerAddress", func(*testing.T) string {
			return refused(websocket(transport.WebsocketOptions{Limits: transport.Limits{LoginsPerAddress: -1}}), "LoginsPerAddress")
		}},
		{"a handler without a self test", func(*testing.T) string {
			if transport.NewHandler(http.NotFoundHandler(), nil, "") == nil {
				return "no handler"
			}
			return ""
		}},
		{"a server without a log", func(*testing.T) string {
			if transport.NewServer(http.NotFoundHandler(), nil) == nil {
				return "no server"
			}
			return ""
		}},
		{"a reason out of range", func(*testing.T) string {
			reason := actors.CloseReason(250)
			if reason.String() == "" || reason.Code() == 0 {
				return "no text, or no code"
			}
			_ = reason.Text()
			return ""
		}},
		{"a kind out of range", func(*testing.T) string {
			if actors.Kind(250).String() == "" || actors.Kind(-1).String() == "" {
				return "no text"
			}
			return ""
		}},
		{"a source of logins out of range", func(*testing.T) string {
			if actors.LoginSource(250).String() == "" {
				return "no text"
			}
			return ""
		}},
		{"an empty Secret", func(*testing.T) string { return actors.Secret("").Reveal() }},
		{"nothing is read", func(*testing.T) string { _, _ = actors.DecodeEvent("", nil); return "" }},
		{"no Redis address", func(*testing.T) string {
			_, err := storage.NewRedis(storage.RedisOptions{})
			return refused(err)
		}},
		{"no database driver", func(*testing.T) string {
			_, err := storage.OpenMounts(storage.DatabaseOptions{})
			return refused(err, "driver", storage.Postgres)
		}},
		{"a database driver that is not imported", func(*testing.T) string {
			_, err := storage.OpenMounts(storage.DatabaseOptions{Driver: storage.Postgres})
			return refused(err, `import _ "github.com/notifypush/notifypush/storage/postgres"`)
		}},
		{"no Nextcloud", func(*testing.T) string {
			_, err := nextcloud.New(nextcloud.Options{})
			return refused(err)
		}},
		{"a client without a place", func(t *testing.T) string {
			_, err := client.Dial(t.Context(), client.Options{})
			return refused(err)
		}},
		{"a client's run without a place", func(t *testing.T) string {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return refused(client.Run(ctx, client.Options{}, nil))
		}},
		{"a load test of nothing", func(t *testing.T) string {
			_, err := loadtest.Run(t.Context(), loadtest.Options{})
			return refused(err)
		}},
		{"a helper of a load test that is none", func(*testing.T) string { return refused(loadtest.Help("nonsense")) }},
		{"a scenario that is none", func(*testing.T) string {
			_, err := loadtest.Load("nonsense")
			return refused(err, "nonsense")
		}},
	})
}

// Before the start and after the end every call is an error that can be told.
func TestBeforeAndAfter(t *testing.T) {
	calls := map[string]func(ctx context.Context, s *actors.System) error{
		"Authenticate": func(ctx context.Context, s *actors.System) error {
			_, err := s.Authenticate(ctx, actors.Credentials{Login: "alice", Password: "secret"})
			return err
		},
		"Attach": func(_ context.Context, s *actors.System) error {
			return s.Attach(&actors.Login{Identity: actors.Identity{User: "alice"}}, actorstest.NewSocket())
		},
		"Send":        func(ctx context.Context, s *actors.System) error { _, err := s.Send(ctx, "alice", "x"); return err },
		"SendTo":      func(_ context.Context, s *actors.System) error { return s.SendTo("1/2/3", "x") },
		"Broadcast":   func(ctx context.Context, s *actors.System) error { return s.Broadcast(ctx, "x") },
		"Publish":     func(ctx context.Context, s *actors.System) error { return s.Publish(ctx, actors.Reset{}) },
		"Users":       func(ctx context.Context, s *actors.System) error { _, err := s.Users(ctx); return err },
		"Connections": func(ctx context.Context, s *actors.System) error { _, err := s.Connections(ctx, "alice"); return err },
		"Disconnect":  func(_ context.Context, s *actors.System) error { return s.Disconnect("alice") },
		"DisconnectConnection": func(_ context.Context, s *actors.System) error {
			return s.DisconnectConnection("1/2/3")
		},
		"DisconnectAll": func(_ context.Context, s *actors.System) error { return s.DisconnectAll() },
		"ForgetLogins":  func(_ context.Context, s *actors.System) error { return s.ForgetLogins("alice") },
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			system := must(actors.New(actors.Ports{Verifier: bySecret}, actors.Options{}))
			if wrong := is(call(t.Context(), system), actors.ErrNotStarted); wrong != "" {
				t.Error("before the start:", wrong)
			}
			system.Start()
			if err := system.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			if wrong := is(call(t.Context(), system), actors.ErrShutDown); wrong != "" {
				t.Error("after the end:", wrong)
			}
		})
	}
}

// What a host gives of the wrong kind is an error of the call.
func TestArguments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kit := actorstest.Start(t, nil)
		alice := kit.Connect(t, "alice")
		ctx := t.Context()
		attach := func(login *actors.Login, socket actors.Socket) error { return kit.System.Attach(login, socket) }
		_, sent := kit.System.Send(ctx, "", "x")
		_, text := kit.System.Send(ctx, "alice", "\xff")
		_, _, encoded := actors.EncodeEvent(nil)
		_, _, invalid := actors.EncodeEvent(actors.Custom{User: "alice", Text: "\xff"})
		for name, err := range map[string]error{
			"Send to nobody":              sent,
			"Send of what is not UTF-8":   text,
			"SendTo of what is not UTF-8": kit.System.SendTo("1/2/3", "\xff"),
			"SendTo nobody":               kit.System.SendTo("", "x"),
			"Broadcast":                   kit.System.Broadcast(ctx, "\xff"),
			"Publish of nothing":          kit.System.Publish(ctx, nil),
			"Publish of what is no UTF-8": kit.System.Publish(ctx, actors.Custom{User: "alice", Text: "\xff"}),
			"Publish for nobody":          kit.System.Publish(ctx, actors.ActivityAdded{}),
			"EncodeEvent of nothing":      encoded,
			"EncodeEvent of no UTF-8":     invalid,
			"Disconnect of nobody":        kit.System.Disconnect(""),
			"DisconnectConnection":        kit.System.DisconnectConnection("nonsense"),
			"Attach without a login":      attach(nil, actorstest.NewSocket()),
			"Attach without a socket":     attach(kit.Login(t, "alice"), nil),
			"Attach of nobody":            attach(&actors.Login{}, actorstest.NewSocket()),
		} {
			if err == nil {
				t.Error(name, "is no error")
			}
		}
		if texts := alice.Texts(); !slices.Equal(texts, []string{"authenticated"}) {
			t.Error("alice was sent", texts)
		}
	})
}

// What a host reads of others, and of the protocol, comes back as it was.
func TestRoundTrips(t *testing.T) {
	for _, event := range []actors.Event{
		actors.StorageUpdate{Storage: 1 << 40, Path: "files/ä b", FileID: 1 << 41}, actors.GroupUpdate{User: "a"}, actors.ShareCreated{User: "a"},
		actors.ActivityAdded{User: "a"}, actors.NotificationChanged{User: "a"}, actors.Custom{User: "a", Text: "text"},
		actors.TokenIssued{User: "a", Token: "t"}, actors.TestCookie{Value: 7}, actors.LogLevelSet{Spec: "debug"}, actors.LogLevelRestored{},
		actors.StatsRequested{}, actors.Reset{},
	} {
		channel, payload, err := actors.EncodeEvent(event)
		if err != nil || !slices.Contains(actors.Channels, channel) {
			t.Errorf("%#v: %s, %v", event, channel, err)
			continue
		}
		if again, err := actors.DecodeEvent(channel, payload); err != nil || again != event {
			t.Errorf("%#v comes back as %#v, %v", event, again, err)
		}
	}
	f, size, err := frame.Cut(frame.Append(nil, frame.Text, "hello"), 1<<10)
	if err != nil || size == 0 || string(f.Payload) != "hello" {
		t.Error(f, size, err)
	}
	if kind := client.ParsePush("notify_file").Kind; kind != client.File {
		t.Error(kind)
	}
}

// Hooks tell what happens, in order, and a hook that panics or blocks harms nobody but itself.
func TestHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		tell := func(what ...string) { told = append(told, strings.Join(what, " ")) }
		kit := actorstest.NewWithHooks(t, &actors.Hooks{
			OnLogin: func(r actors.LoginReport) {
				if r.Err != nil {
					tell("refused", r.Name, r.Source.String())
				} else {
					tell("login", r.User, r.Source.String())
				}
			},
			OnConnect: func(c actors.Connection) { tell("connect", c.User) },
			OnPush:    func(p actors.PushReport) { tell("push", p.User, p.Kind.String()) },
			OnMessage: func(m actors.ClientMessage) { tell("message", m.Connection.User, m.Text) },
			OnClose:   func(c actors.Connection, reason actors.CloseReason) { tell("close", c.User, reason.String()) },
		}, actors.Options{})
		kit.System.Start()
		defer kit.System.Shutdown(context.Background())
		alice := kit.Connect(t, "alice")
		synctest.Wait()
		alice.Say("hello")
		if n, err := kit.System.Send(t.Context(), "alice", "x"); n != 1 || err != nil {
			t.Error(n, err)
		}
		synctest.Wait()
		kit.Verifier.Fail(actors.ErrInvalidCredentials)
		if _, err := kit.System.Authenticate(t.Context(), actors.Credentials{Login: "bob", Password: "guess"}); err == nil {
			t.Error("bob is in")
		}
		if err := kit.System.Disconnect("alice"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		want := []string{"login alice verifier", "connect alice", "message alice hello", "push alice custom", "refused bob verifier", "close alice disconnected"}
		if !slices.Equal(told, want) {
			t.Errorf("told  %q\nwants %q", told, want)
		}
	})
}

// The log of a host without Redis and Nextcloud does not speak of them, and secrets are in no print.
func TestLogs(t *testing.T) {
	var out bytes.Buffer
	log := actors.SlogLogger(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := serve(actors.Ports{Verifier: bySecret}, actors.Options{Logger: log}, transport.WebsocketOptions{Logger: log})
	conn := s.dial("alice")
	if _, err := client.Dial(t.Context(), client.Options{Endpoint: s.address(), User: "alice", Password: "hunter2"}); err == nil {
		t.Error("guessed")
	}
	go conn.Read(context.Background())
	s.close()
	for _, word := range []string{"redis", "nextcloud", "hunter2"} {
		if strings.Contains(strings.ToLower(out.String()), word) {
			t.Errorf("the log says %s: %s", word, out.String())
		}
	}
}

// The collector takes constant labels, and wants no more than counters.
func TestCollector(t *testing.T) {
	system := must(actors.New(actors.Ports{Verifier: bySecret}, actors.Options{}))
	if monitor.NewCollector(monitor.Source{Stats: system.Stats}, map[string]string{"tenant": "a"}) == nil {
		t.Error("no collector")
	}
}
