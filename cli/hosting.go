package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"

	"github.com/notifypush/notifypush/cli/instances"
	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/internal/logthrottle"
	"github.com/notifypush/notifypush/internal/signal"
	"github.com/notifypush/notifypush/transport"
	"github.com/notifypush/notifypush/transport/monitor"
)

const (
	// maxLoading is how many configurations are read at a time: each evaluation takes memory.
	maxLoading = 8
	// maxStarting is how many instances begin at a time: hundreds that connect at once overrun the queue of new connections of a Redis that they
	// share. Each waits for its own for readyPatience at most, and others do not wait for it any longer.
	maxStarting   = 32
	readyPatience = time.Second
	// settleTime is how long the folder must have been left alone before it is looked at: a file is written in several steps.
	settleTime = 2 * time.Second
	// startPatience is how long clients wait at the start for instances that are slow to begin; those are served later.
	startPatience = 5 * time.Second
	// misdirectedInterval is how often at most the log says that requests are nobody's, and maxLoggedError bounds what it says, in bytes.
	misdirectedInterval, maxLoggedError = time.Minute, 300
	// hostingTick is how often counters are read, and retries looked for.
	hostingTick = time.Second
)

// hosting are the instances of a folder. Each one is begun, reconfigured and ended by a goroutine that works for it alone while there is
// something to do, so that none waits for another's Redis, database or file system.
type hosting struct {
	// set once
	daemon *daemon
	folder string
	load   func(context.Context) *config.Result // the process's configuration
	lines  io.Writer                            // of the log
	shared shared
	hosts  *transport.VirtualHosts
	*newcomers
	clients     net.Addr      // the clients' port
	loading     chan struct{} // holds maxLoading
	starting    chan struct{} // holds maxStarting
	changed     signal.Signal // routes must be made anew
	listing     signal.Signal // the folder must be listed anew
	misdirected *logthrottle.Line
	ctx         context.Context
	cancel      context.CancelFunc
	process     atomic.Pointer[config.Result]
	routes      atomic.Pointer[routes]
	listed      atomic.Bool          // the folder, at the start
	conflicts   []instances.Conflict // that were logged; owned by run

	mu      sync.Mutex // guards the rest; not held while anything is waited for
	members map[string]*member
	ending  bool
	working sync.WaitGroup // of the members' goroutines
}

// routes say who serves a request. They do not change.
type routes struct {
	*instances.Table
	serving map[string]*instance
}

// serveFolder has the process serve the instances of its folder.
func (d *daemon) serveFolder(result *config.Result, load func(context.Context) *config.Result, lines io.Writer) *hosting {
	h := &hosting{
		daemon: d, folder: result.Settings.Hosting.Folder, load: load, lines: lines, shared: newShared(d.log.Logger),
		loading: make(chan struct{}, maxLoading), starting: make(chan struct{}, maxStarting), changed: signal.New(), listing: signal.New(),
		members: map[string]*member{}, misdirected: logthrottle.New(d.log.Logger, misdirectedInterval, "no instance serves a request", ""),
	}
	h.newcomers = newNewcomers(h, d.log.Logger)
	h.process.Store(result)
	h.routes.Store(&routes{instances.NewTable(nil), nil})
	s := result.Settings.Websocket
	h.hosts = transport.NewVirtualHosts(transport.VirtualHostsOptions{
		Logger: d.log.Logger, TrustedProxies: s.TrustedProxies, PrivateProxies: s.PrivateProxies,
		PerAddress: s.Limits.LoginsPerAddress, Sockets: maxSockets(), Capacity: h.shared.capacity, Route: h.route,
	})
	h.resize(0)
	d.tenants = h
	return h
}

// find returns who serves a request, or why nobody does: a MisdirectedError, or nil of an instance that cannot serve now.
func (h *hosting) find(host, path string) (*instance, error) {
	r := h.routes.Load()
	name, err := r.Find(host, path)
	return r.serving[name], err
}

func (h *hosting) route(host, path string) *transport.Websocket {
	if i, _ := h.find(host, path); i != nil {
		return i.websocket
	}
	return nil
}

func (h *hosting) intercept(server *http.Server, listener net.Listener) net.Listener {
	return h.hosts.Intercept(server, listener)
}

// handler serves what is no handshake, and refuses what is no instance's.
func (h *hosting) handler() http.Handler {
	balancers := transport.AnswerBalancers(h.newcomers.problems, http.NotFoundHandler())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i, err := h.find(r.Host, r.URL.Path)
		switch {
		case err != nil && r.URL.Path == "/readyz" && transport.AsksForBalancer(r): // of the process
			balancers.ServeHTTP(w, r)
		case err != nil:
			h.misdirected.Warn("", zap.String("error", onOneLine(err.Error()[:min(len(err.Error()), maxLoggedError)])))
			refuseRequest(w, http.StatusMisdirectedRequest, err.Error())
		case i == nil:
			w.Header().Set("Retry-After", "60")
			refuseRequest(w, http.StatusServiceUnavailable, "this instance cannot be served now")
		default:
			i.clients.ServeHTTP(w, r)
		}
	})
}

func refuseRequest(w http.ResponseWriter, status int, reason string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Connection", "close")
	http.Error(w, reason, status)
}

// start lists the folder, and begins all instances at once.
func (h *hosting) start(ctx context.Context, clients net.Addr) (known <-chan struct{}) {
	h.clients = clients
	h.ctx, h.cancel = context.WithCancel(ctx)
	h.list(true)
	h.listed.Store(true)
	all := make(chan struct{})
	h.working.Go(func() {
		defer close(all)
		waiting, cancel := context.WithTimeout(h.ctx, startPatience)
		defer cancel()
		for _, m := range h.snapshot() {
			select {
			case <-m.settled:
			case <-waiting.Done():
				return
			}
		}
		h.makeRoutes()
	})
	return all
}

// run watches the folder, and reads everything again at SIGHUP.
func (h *hosting) run(ctx context.Context) error {
	var events <-chan fsnotify.Event
	var tooMany <-chan error // events are lost
	watcher := h.watch()
	if watcher != nil {
		defer watcher.Close()
		events, tooMany = watcher.Events, watcher.Errors
	}
	var reading sync.WaitGroup
	defer reading.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if h.daemon.settings.Monitor.On() {
		reading.Go(func() { monitor.RunHistories(ctx, h.histories) })
	}
	settled := later(nil) // not nil while the folder is being changed: it may have been before it was watched
	ticker := time.NewTicker(hostingTick)
	defer ticker.Stop()
	for ticks := 0; ; {
		select {
		case <-h.daemon.hangUps:
			if watcher != nil {
				_ = watcher.Add(h.folder) // it may be another one by now
			}
			h.reload(ctx)
		case <-events:
			settled = later(settled)
		case err := <-tooMany:
			h.daemon.log.Debug("events of the folder of instances are lost", zap.Error(err))
			settled = later(settled)
		case <-settled:
			settled = nil
			h.list(false)
		case <-h.listing:
			h.list(false)
		case <-h.changed:
			h.makeRoutes()
			h.warnConflicts()
		case <-ticker.C:
			ticks++
			if err := h.tick(ctx, ticks); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// later is a moment at which the folder is looked at, unless that is set already.
func later(settled <-chan time.Time) <-chan time.Time {
	if settled != nil {
		return settled
	}
	return time.After(settleTime)
}

// watch begins to watch the folder. It returns nil where the system cannot: then only SIGHUP has it listed.
func (h *hosting) watch() *fsnotify.Watcher {
	watcher, err := fsnotify.NewWatcher()
	if err == nil {
		if err = watcher.Add(h.folder); err == nil {
			return watcher
		}
		_ = watcher.Close()
	}
	h.daemon.log.Warn("cannot watch the folder of instances; SIGHUP has it read again", zap.Error(err))
	return nil
}

// reload reads the process's configuration and that of each instance again.
func (h *hosting) reload(ctx context.Context) {
	next := h.load(ctx)
	if err := checkReload(next); err != nil {
		h.daemon.log.warnUnusable(err)
	} else {
		changed, needRestart := differences(h.process.Load(), next)
		if slices.Contains(changed, "log_level") {
			h.daemon.log.configure(next.Settings.Log.Level)
		}
		h.daemon.log.Warn("configuration read again", zap.Strings("changed", changed))
		h.daemon.log.warnNeedRestart(slices.DeleteFunc(needRestart, func(name string) bool { return !isOfProcess(name) })) // else instances see to it
		h.daemon.takeMonitor(next)
		h.process.Store(next)
	}
	h.list(true)
}

// list has instances come and go as the folder says, and those read their configuration again whose files have changed, or all.
func (h *hosting) list(all bool) {
	err := config.CheckInstanceFolder(h.ctx, h.folder)
	var found []instances.Found
	if err == nil {
		found, err = instances.Scan(h.ctx, h.folder)
	}
	if err != nil {
		h.daemon.log.Error("cannot list the instances; those that are there stay", zap.Error(err))
		return
	}
	h.mu.Lock()
	gone := maps.Clone(h.members)
	var wanted []*member
	for _, f := range found {
		delete(gone, f.Name)
		m := h.members[f.Name]
		if m == nil {
			m = newMember(f.Name)
			h.members[f.Name] = m
		}
		if all || m.found.Look != f.Look {
			m.found = f
			wanted = append(wanted, m)
		}
	}
	h.mu.Unlock()
	h.resize(len(found))
	for _, m := range wanted {
		h.want(m, readConfiguration)
	}
	for _, m := range gone {
		h.want(m, leave)
	}
}

// resize shares the file descriptors between so many instances.
func (h *hosting) resize(count int) {
	reserved := descriptorsOfOurs + descriptorsOfRefused + count*descriptorsOfInstance
	most := h.process.Load().Settings.Websocket.Limits.Connections
	if most == 0 {
		most = descriptorsBut(reserved, 2)
	}
	h.shared.capacity.SetMost(most)
	h.hosts.SetSockets(descriptorsBut(reserved-descriptorsOfRefused, 4))
}

// makeRoutes makes them anew.
func (h *hosting) makeRoutes() {
	h.mu.Lock()
	defer h.mu.Unlock()
	next := &routes{serving: map[string]*instance{}}
	var claims []instances.Claim
	for _, name := range slices.Sorted(maps.Keys(h.members)) {
		m := h.members[name]
		claims = append(claims, m.claim)
		if m.instance != nil {
			next.serving[name] = m.instance
		}
	}
	next.Table = instances.NewTable(claims)
	h.routes.Store(next)
}

// warnConflicts logs which names several instances claim, once each.
func (h *hosting) warnConflicts() {
	conflicts := h.routes.Load().Conflicts()
	for _, c := range conflicts {
		if !slices.ContainsFunc(h.conflicts, func(known instances.Conflict) bool { return known.String() == c.String() }) {
			h.daemon.log.Warn("several instances claim a host", zap.String("host", c.Host), zap.Strings("instances", c.Instances),
				zap.String("advice", "write INSTANCE_HOSTS="+c.Host+" into the NAME.env of one, or have clients name it in the path, as in /push/NAME/"))
		}
	}
	h.conflicts = conflicts
}

// tick reads the counters that are plotted, retries what could not be read, and asks each Redis once a minute.
func (h *hosting) tick(ctx context.Context, ticks int) error {
	now := time.Now()
	isWatched := h.daemon.settings.Monitor.On()
	for n, m := range h.snapshot() {
		if m.instance == nil {
			if !m.retryAt.IsZero() && now.After(m.retryAt) {
				h.want(m.member, readConfiguration)
			}
			continue
		}
		select {
		case err := <-m.instance.websocket.Failed():
			return fmt.Errorf("instance %s: %w", m.name, err)
		default:
		}
		if isWatched && (ticks+n)%int(redisQuestionTime/hostingTick) == 0 {
			h.working.Go(func() { m.instance.askRedisOnce(ctx) })
		}
	}
	return nil
}

// histories are those of the instances that are served.
func (h *hosting) histories() []*monitor.History {
	var all []*monitor.History
	for _, i := range h.served() {
		all = append(all, i.history)
	}
	return all
}

// Drain implements drainable. An instance that begins later is drained, too.
func (h *hosting) Drain() error {
	for _, i := range h.served() {
		_ = i.drain(true) // an error says that it has just ended, which must not keep the others
	}
	return nil
}

// Undrain implements drainable.
func (h *hosting) Undrain() {
	for _, i := range h.served() {
		_ = i.drain(false)
	}
}

func (h *hosting) sendElsewhere(reason string) {
	h.newcomers.sendElsewhere(reason)
	for _, i := range h.served() {
		i.sendElsewhere(reason)
	}
}

// endLogins ends logins in progress, and those that come.
func (h *hosting) endLogins() {
	h.mu.Lock()
	h.ending = true
	h.mu.Unlock()
	if h.cancel != nil {
		h.cancel()
	}
	h.working.Wait()
	for _, i := range h.served() {
		i.endLogins()
	}
}

// close ends all instances at once.
func (h *hosting) close() {
	var closing sync.WaitGroup
	for _, i := range h.served() {
		closing.Go(i.close)
	}
	closing.Wait()
	h.hosts.Close()
	h.shared.close()
}

// weight is that of all sockets.
func (h *hosting) weight() int {
	weight := h.hosts.Weight()
	for _, i := range h.served() {
		weight += i.websocket.Weight()
	}
	return weight
}

// events is the sum of what all that are served have received.
func (h *hosting) events() (events uint64) {
	for _, i := range h.served() {
		events += i.system.Stats().EventsReceived
	}
	return events
}

// problems says why the process is of no use: it serves nobody. A single instance that is not ready is that one's problem.
func (h *hosting) problems() map[string]string {
	if !h.listed.Load() {
		return map[string]string{"instances": "the folder has not been listed yet"}
	}
	var names []string
	for _, m := range h.snapshot() {
		if m.problems() == nil {
			return nil
		}
		names = append(names, m.name)
	}
	if names == nil {
		return nil
	}
	return map[string]string{"instances": fmt.Sprintf("none of the %d is ready: %s", len(names), strings.Join(names, ", "))}
}

// probe returns an error when one instance makes no progress.
func (h *hosting) probe(ctx context.Context) (failure error) {
	served := h.served()
	answers := make(chan error, len(served))
	for _, i := range served {
		go func() {
			err := i.probe(ctx)
			if err != nil {
				err = fmt.Errorf("instance %s: %w", i.name, err)
			}
			answers <- err
		}()
	}
	for range served {
		failure = cmp.Or(failure, <-answers)
	}
	return failure
}

// pages are the operators': about the process, and each instance's own.
func (h *hosting) pages() http.Handler {
	source := monitor.Source{Version: Version(), Problems: h.problems, NewcomerProblems: h.newcomers.problems, Probe: h.probe}
	return monitor.NewInstances(source, h.shown, func(name string) http.Handler {
		if i := h.routes.Load().serving[name]; i != nil {
			return i.pages()
		}
		return nil
	})
}

// shown lists the instances as operators see them.
func (h *hosting) shown() []monitor.Instance {
	routes := h.routes.Load()
	var list []monitor.Instance
	for _, m := range h.snapshot() {
		one := monitor.Instance{InstanceReply: monitor.InstanceReply{Name: m.name, Problems: m.problems(), Hosts: routes.Hosts(m.name)}}
		one.Ready = one.Problems == nil
		if m.instance != nil {
			stats, source := m.instance.system.Stats(), m.instance.source()
			one.Served, one.Connections, one.Users = true, stats.ActiveConnections, stats.ActiveUsers
			one.Source, one.Warning = &source, m.instance.warning()
		}
		list = append(list, one)
	}
	return list
}
