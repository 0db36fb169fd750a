package cli

import (
	"context"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/fleet"
	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/storage"
	_ "github.com/notifypush/notifypush/storage/mysql"
	_ "github.com/notifypush/notifypush/storage/postgres"
	_ "github.com/notifypush/notifypush/storage/sqlite"
	"github.com/notifypush/notifypush/transport"
	"github.com/notifypush/notifypush/transport/monitor"
	"github.com/notifypush/notifypush/transport/nextcloud"
	"github.com/notifypush/notifypush/transport/selftest"
)

// dependencies are what an instance needs, by their names in its problems.
var dependencies = []string{"redis", "database", "nextcloud"}

// closeTimeout bounds the end beyond the time that draining may take.
const closeTimeout = 5 * time.Second

// The wait before the app's version is asked for again doubles from the first to the last.
const firstVersionRetry, lastVersionRetry = time.Second, time.Minute

// instance is the push server of one Nextcloud, put together from its parts. A process has one, or those of a folder. One goroutine at a time
// calls start, take, readOrigins and close; the rest is safe for concurrent use.
type instance struct {
	// set once
	name      string                               // "" where the process has no other
	load      func(context.Context) *config.Result // reads the configuration again
	log       *logging
	redis     *storage.Redis
	mounts    *storage.Mounts
	nextcloud *nextcloud.Client
	system    *actors.System
	websocket *transport.Websocket
	version   *selftest.AppVersion
	handover  *handover
	fleet     *fleet.Fleet // nil: this server is alone
	clients   http.Handler
	history   *monitor.History
	began     time.Time
	pages     func() http.Handler // of the operators
	latencies latencies
	*newcomers

	// owned by the goroutine that reconfigures and closes it
	settings    config.Settings
	originsRead time.Time      // when trusted_domains were, because of a page that was refused
	started     *config.Result // with which it began
	now         *config.Result // in force
	shared      shared
	stop        context.CancelFunc // nil before start
	running     sync.WaitGroup     // until stop
	leaveFleet  func()             // does nothing before joinFleet

	ownAddress nodeAddress // of the fleet's goroutine
}

// instanceOptions are what an instance is made of.
type instanceOptions struct {
	name        string
	result      *config.Result
	load        func(context.Context) *config.Result // reads the configuration again
	log         *logging
	shared      shared
	pageRefused func()               // is called after the page of another site was refused; must not block
	adminToken  func() actors.Secret // of the process
}

// newInstance makes the parts; nothing is connected yet.
func newInstance(options instanceOptions) (_ *instance, err error) {
	settings, log := options.result.Settings, options.log
	reloadLogins(&settings, options.load)
	i := &instance{name: options.name, load: options.load, settings: settings, began: time.Now(), started: options.result, now: options.result, log: log, shared: options.shared, leaveFleet: func() {}}
	defer func() {
		if err != nil {
			i.discard()
		}
	}()
	if i.redis, err = storage.NewRedis(settings.Redis); err != nil {
		return nil, err
	}
	if i.mounts, err = storage.OpenMounts(settings.Database); err != nil {
		return nil, err
	}
	if i.nextcloud, err = nextcloud.New(nextcloudOptions(settings)); err != nil {
		return nil, err
	}
	ports := actors.Ports{
		Mounts:   timedMounts{i.mounts, &i.latencies},
		Verifier: timedVerifier{i.nextcloud, &i.latencies},
	}
	if i.fleet, err = i.newFleet(); err != nil {
		return nil, err
	}
	if i.fleet != nil {
		ports.Peers = i.fleet
	}
	ports.Events = eventSource{i.redis, i.fleet, log.Logger}
	ports.Control = &control{logging: log, redis: i.redis, fleet: i.fleet}
	if i.system, err = actors.New(ports, i.actorOptions(settings)); err != nil {
		return nil, err
	}
	i.newcomers = newNewcomers(i.system, log.Logger)
	websockets := i.websocketOptions(settings)
	websockets.OnOriginRefused = options.pageRefused
	if i.websocket, err = transport.NewWebsocket(i.system, websockets); err != nil {
		return nil, err
	}
	i.version = selftest.NewAppVersion(i.redis, i.nextcloud, selftest.AppInfoFiles(settings.ConfigFile))
	i.handover = newHandover(settings, i.redis, log.Logger)
	i.clients = i.answerNodes(transport.AnswerBalancers(i.newcomers.problems, transport.NewHandler(i.websocket, i.websocket.LimitGuesses(selftest.New(selftest.Options{
		Keys: i.redis, System: i.system, Nextcloud: i.nextcloud, Version: i.version,
	})), Version())))
	i.history = monitor.NewHistory(i.system.Stats, i.problems)
	i.pages = sync.OnceValue(func() http.Handler { // few are ever looked at
		source := i.source()
		source.Status = i.status(options.adminToken)
		return monitor.New(source)
	})
	return i, nil
}

// What follows from settings of other parts, or of the machine.

func nextcloudOptions(s config.Settings) nextcloud.Options {
	s.Nextcloud.Timeout, s.Nextcloud.Concurrency = s.Actors.AuthTimeout, *s.Actors.AuthConcurrency
	return s.Nextcloud
}

func (i *instance) actorOptions(s config.Settings) actors.Options {
	s.Actors.Logger = i.log.Logger
	s.Actors.AuthKey = keyOf(s.Instance.Secret, loginsPurpose)
	s.Actors.ActorSystem = i.shared.runtime
	if s.Database.Driver == storage.SQLite { // a file that is open does not go away, and an open one takes 100 KiB
		s.Actors.MountsPing = new(time.Duration)
	}
	return s.Actors
}

func (i *instance) websocketOptions(s config.Settings) transport.WebsocketOptions {
	s.Websocket.Logger = i.log.Logger
	s.Websocket.DescribeClients = s.Monitor.On()
	s.Websocket.Capacity = i.shared.capacity
	if isOfFleet(s) {
		s.Websocket.FailureKey = keyOf(s.Instance.Secret, "notify_push failed logins")
	}
	if i.shared.capacity == nil { // else its share of that is the limit
		s.Websocket.Limits.Connections = maxConnections(s.Websocket.Limits.Connections)
		s.Websocket.Limits.Sockets = maxSockets()
	}
	return s.Websocket
}

// start begins to hear events. What it returns is closed when clients may be served: the logins of the process before are known, or have been
// waited for long enough.
func (i *instance) start(ctx context.Context, clients net.Addr) (known <-chan struct{}) {
	ctx, i.stop = context.WithCancel(ctx)
	i.system.Start()
	tried, joined, all := make(chan struct{}), i.joinFleet(clients), make(chan struct{})
	i.running.Go(func() { i.handover.take(ctx, i.system, tried) })
	i.running.Go(func() { i.learnVersion(ctx) })
	i.running.Go(func() {
		defer close(all)
		waiting, stopWaiting := context.WithTimeout(ctx, i.handover.patience)
		defer stopWaiting()
		for _, known := range []<-chan struct{}{tried, joined} {
			select {
			case <-known:
			case <-waiting.Done():
			}
		}
	})
	return all
}

// probe returns an error when the actors or the reading of sockets make no progress.
func (i *instance) probe(ctx context.Context) error {
	if err := i.system.Probe(ctx); err != nil {
		return err
	}
	return i.websocket.Probe(ctx)
}

// problems says why the instance is not ready.
func (i *instance) problems() map[string]string {
	problems := i.system.Problems()
	maps.Copy(problems, i.newcomers.problems())
	return problems
}

// learnVersion asks which version of the app there is, until it is known; the self test asks again.
func (i *instance) learnVersion(ctx context.Context) {
	unknown := outage{log: i.log.Logger, begins: "app version unknown", ends: "app version known"}
	unknown.retry(ctx, firstVersionRetry, lastVersionRetry, func() error {
		if version := i.versionOfFleet(ctx); version != "" {
			i.version.Adopt(version)
			return nil
		}
		return i.version.Learn(ctx)
	})
}

// endLogins ends logins in progress, and those that come.
func (i *instance) endLogins() {
	i.sendElsewhere(actors.ErrShutDown.Error())
	i.websocket.EndLogins()
}

// close ends everything: the clients, then what they need. No new clients may come.
func (i *instance) close() {
	ctx, cancel := context.WithTimeout(context.Background(), *i.settings.Actors.DrainTimeout+closeTimeout)
	defer cancel()
	i.endLogins()
	left := func() {}
	if i.stop != nil {
		i.stop()
		i.running.Wait()
		i.handover.ttl = *i.settings.Actors.AuthResume
		if !i.peersStay(ctx) { // else they know the logins
			left = i.handover.leave(i.system)
		}
	}
	if err := i.system.Shutdown(ctx); err != nil {
		i.log.Warn("shutdown incomplete", zap.Error(err))
	}
	i.websocket.Close()
	left()
	i.leaveFleet()
	i.discard()
}

// discard closes the connections to what the instance depends on.
func (i *instance) discard() {
	if i.nextcloud != nil {
		i.nextcloud.Close()
	}
	if i.mounts != nil {
		_ = i.mounts.Close()
	}
	if i.redis != nil {
		_ = i.redis.Close()
	}
}
