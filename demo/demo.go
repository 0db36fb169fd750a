// Package demo shows what the push server does, with everything that it needs in one process: a Redis and a Nextcloud, small
// ones, a database in a file, the real server on top, and a web page on which pushes can be seen to arrive.
package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"syscall"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"go.uber.org/zap"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/demo/nextcloud"
	"github.com/notifypush/notifypush/storage"
	"github.com/notifypush/notifypush/transport"
)

// The ports that are taken when they are free.
const (
	pagePort   = 8080
	daemonPort = 7867 // the one that real installations use
)

// Options of a demo; the zero value is one that logs nothing.
type Options struct {
	// Port is where the page and the Nextcloud listen, on loopback; 0 means 8080, or any free one when that is taken.
	Port uint16
	// Program is how a shell starts notify_push, for the commands to try next; empty means "notify_push".
	Program string
	// Log is where the push server logs; nil means nowhere.
	Log *zap.Logger
}

// Demo is a running demo.
type Demo struct {
	// URL is the address of the page, and of the Nextcloud.
	URL string
	// Commands are what one may try next, in another terminal.
	Commands []Command

	stats   func() actors.Stats
	closers []func()
}

// Command is a shell's command line and what it does.
type Command struct {
	Does string `json:"does"`
	Line string `json:"line"`
}

// Start starts the demo. It ends with Close.
func Start(ctx context.Context, options Options) (*Demo, error) {
	if options.Program == "" {
		options.Program = "notify_push"
	}
	if options.Log == nil {
		options.Log = zap.NewNop()
	}
	d := &Demo{}
	if err := d.start(ctx, options); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

func (d *Demo) start(ctx context.Context, options Options) error {
	folder, err := os.MkdirTemp("", "notify_push-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for the demo's database: %w", err)
	}
	d.atClose(func() { _ = os.RemoveAll(folder) })
	database, err := createDatabase(ctx, folder)
	if err != nil {
		return err
	}

	events := newFeed()
	redis, err := d.startRedis(events)
	if err != nil {
		return err
	}
	listener, err := listen(ctx, options.Port, pagePort)
	if err != nil {
		return err
	}
	d.atClose(func() { _ = listener.Close() })
	d.URL = "http://" + listener.Addr().String()

	store, err := storage.NewRedis(storage.RedisOptions{Addresses: []string{"redis://" + redis.Addr()}})
	if err != nil {
		return err
	}
	d.atClose(func() { _ = store.Close() })
	cloud := nextcloud.New(nextcloud.Options{Redis: store, URL: d.URL, PushURL: d.URL + "/push", TrustedProxies: loopback})
	for _, person := range people {
		cloud.AddUser(person.account())
	}
	daemon, err := d.startDaemon(ctx, store, database, options.Log)
	if err != nil {
		return err
	}
	d.Commands = commands(options.Program, d.URL, "redis://"+redis.Addr())
	d.serve(transport.NewServer(newSite(d, cloud, events, daemon), options.Log), listener)
	return nil
}

// startRedis starts a Redis whose PUBLISH commands are reported to events.
func (d *Demo) startRedis(events *feed) (*miniredis.Miniredis, error) {
	redis := miniredis.NewMiniRedis()
	if err := redis.Start(); err != nil {
		return nil, fmt.Errorf("start the demo's Redis on loopback: %w", err)
	}
	d.atClose(redis.Close)
	redis.Server().SetPreHook(func(_ *server.Peer, command string, arguments ...string) bool {
		if command == "PUBLISH" && len(arguments) == 2 {
			events.published(arguments[0], arguments[1])
		}
		return false
	})
	return redis, nil
}

func commands(program, url, redis string) []Command {
	bob := people[1]
	return []Command{
		{"Be another client of Bob’s", fmt.Sprintf("%s listen %s %s %s", program, url, bob.login, bob.password())},
		{"Send Bob a message", fmt.Sprintf("%s send --redis-url %s custom %s 'hello from the terminal'", program, redis, bob.id)},
		{"Change a shared file", fmt.Sprintf("%s send --redis-url %s file %d %s/from-the-terminal.md 4711", program, redis, shared.storage, shared.path)},
	}
}

// Close ends everything, in the reverse order of its start.
func (d *Demo) Close() {
	for _, end := range slices.Backward(d.closers) {
		end()
	}
	d.closers = nil
}

func (d *Demo) atClose(end func()) { d.closers = append(d.closers, end) }

// listen opens port on loopback; where port is 0, the preferred one, or any free one.
func listen(ctx context.Context, port, preferred uint16) (net.Listener, error) {
	options := transport.ListenOptions{Bind: "127.0.0.1", Port: port}
	if port == 0 {
		options.Port = preferred
		if listener, err := transport.Listen(ctx, options); err == nil {
			return listener, nil
		}
		options.Port = 0
	}
	listener, err := transport.Listen(ctx, options)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("another program has port %d of this machine; choose another port with --port", port)
	case err != nil:
		return nil, fmt.Errorf("%w; choose another port with --port", err)
	}
	return listener, nil
}
