package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/storage"
	_ "github.com/notifypush/notifypush/storage/sqlite"
	"github.com/notifypush/notifypush/transport"
	"github.com/notifypush/notifypush/transport/monitor"
	"github.com/notifypush/notifypush/transport/nextcloud"
	"github.com/notifypush/notifypush/transport/selftest"
)

// Version is what the demo calls itself at /version, so that it is not taken for a server that was installed.
const Version = "demo"

// subscribeTimeout is how long the demo's own Redis may take.
const subscribeTimeout = 10 * time.Second

// loopback are the proxies that everything in the demo trusts.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// startDaemon starts the push server as any Go program can have it in itself, and waits until it hears Redis.
func (d *Demo) startDaemon(ctx context.Context, redis *storage.Redis, database string, log *zap.Logger) (net.Addr, error) {
	mounts, err := storage.OpenMounts(storage.DatabaseOptions{Driver: storage.SQLite, Path: database, Prefix: "oc_"})
	if err != nil {
		return nil, err
	}
	d.atClose(func() { _ = mounts.Close() })
	cloud, err := nextcloud.New(nextcloud.Options{BaseURL: d.URL + "/"})
	if err != nil {
		return nil, err
	}
	d.atClose(cloud.Close)

	options := actors.Options{Logger: log, DrainTimeout: new(time.Duration)}
	system, err := actors.New(actors.Ports{Events: redis, Mounts: mounts, Verifier: cloud, Control: control{redis, log}}, options)
	if err != nil {
		return nil, err
	}
	websocket, err := transport.NewWebsocket(system, transport.WebsocketOptions{Logger: log, TrustedProxies: loopback})
	if err != nil {
		return nil, err
	}
	d.atClose(websocket.Close)
	system.Start()
	d.atClose(func() { _ = system.Shutdown(context.Background()) })
	d.stats = system.Stats

	listener, err := listen(ctx, 0, daemonPort)
	if err != nil {
		return nil, err
	}
	server := transport.NewServer(transport.NewHandler(websocket, selftest.New(selftest.Options{
		Keys: redis, System: system, Nextcloud: cloud, Version: selftest.NewAppVersion(redis, cloud, nil),
	}), Version), log)
	d.serve(server, listener)
	subscribing, cancel := context.WithTimeoutCause(ctx, subscribeTimeout, errors.New("the time is over"))
	defer cancel()
	if err := system.Ready(subscribing); err != nil {
		return nil, fmt.Errorf("wait for the demo's push server to be ready: %w", err)
	}
	return listener.Addr(), nil
}

// serve serves in the background until Close.
func (d *Demo) serve(server *http.Server, listener net.Listener) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener) // it always says that it was closed
	}()
	d.atClose(func() {
		_ = server.Close()
		<-ended
	})
}

// control is what an administrator may ask for over Redis: here, only the counters.
type control struct {
	redis *storage.Redis
	log   *zap.Logger
}

func (control) SetLogLevel(string) error { return errors.New("the demo's log has only one level") }
func (control) RestoreLogLevel()         {}

// PublishStats writes the counters to where the app reads them.
func (c control) PublishStats(stats actors.Stats) {
	go func() {
		if err := c.redis.Set(context.Background(), monitor.KeyMetrics, string(monitor.StatsJSON(stats)), 0); err != nil {
			c.log.Warn("counters were asked for and cannot be written", zap.Error(err))
		}
	}()
}
