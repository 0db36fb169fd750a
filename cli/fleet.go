package cli

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net"
	"os"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/notifypush/notifypush/actors/fleet"
	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/internal/backoff"
	"github.com/notifypush/notifypush/storage"
	"github.com/notifypush/notifypush/transport/monitor"
)

// newFleet returns this server's part of a fleet, or nil where it is to be alone or Nextcloud's secret is not known. It uses the
// other parts when it runs.
func (i *instance) newFleet() (*fleet.Fleet, error) {
	if !isOfFleet(i.settings) {
		return nil, nil
	}
	options := fleetOptions(i.settings, i.redis)
	options.Logger = i.log.Logger
	options.OnDeaf = func(deaf bool) { i.onDeaf(deaf) }
	options.Address, options.AskNode = i.nodeAddress, askNode
	options.AppVersion = func() string { return i.version.Told() }
	options.Attach = func() json.RawMessage { return i.websocket.FailureNews() }
	options.OnAttached = func(news json.RawMessage) {
		if err := i.websocket.LearnFailures(news); err != nil {
			i.log.Debug("fleet: cannot read the failed logins of another node", zap.Error(err))
		}
	}
	return fleet.New(i.redis, options)
}

// fleetOptions say who this server is.
func fleetOptions(settings config.Settings, redis *storage.Redis) fleet.Options {
	return fleet.Options{
		Key: keyOf(settings.Instance.Secret, "notify_push fleet"), Node: nodeName(), Version: Version(),
		Instance: settings.Instance.ID, Prefixes: redis.ChannelPrefixes,
	}
}

// isOfFleet reports whether this server may have others.
func isOfFleet(settings config.Settings) bool {
	return !settings.Fleet.Off && settings.Instance.Secret != ""
}

const (
	// versionClaimKey is the key that the server has which asks Nextcloud for the app's version, for versionPatience.
	versionClaimKey = "notify_push_asks_app_version"
	versionPatience = 10 * time.Second
	// versionPoll is how often another server looks whether that one has learned it, and othersAppear how long it takes to hear of it.
	versionPoll, othersAppear = 250 * time.Millisecond, time.Second
)

// versionOfFleet returns the app's version as another server has learned it. It waits for one that is about to; empty is that this
// one has to ask.
func (i *instance) versionOfFleet(ctx context.Context) string {
	if i.fleet == nil {
		return ""
	}
	for began := time.Now(); ; {
		members := i.fleet.Members()
		for _, m := range members {
			if m.AppVersion != "" {
				return m.AppVersion
			}
		}
		claimed, err := i.redis.SetNew(ctx, versionClaimKey, Version(), versionPatience)
		waited := time.Since(began)
		if claimed || err != nil || waited > versionPatience || len(members) == 0 && waited > othersAppear || !backoff.Pause(ctx.Done(), backoff.Jitter(versionPoll)) {
			return ""
		}
	}
}

// joinFleet begins to hear other servers, and to publish to them, until leaveFleet. What it returns is closed when what they know is known here.
func (i *instance) joinFleet(clients net.Addr) (known <-chan struct{}) {
	if i.fleet == nil {
		none := make(chan struct{})
		close(none)
		return none
	}
	i.ownAddress.clients = clients
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		i.fleet.Run(ctx, i.system)
	}()
	i.leaveFleet = func() {
		cancel()
		<-ended
	}
	return i.fleet.Ready()
}

// endTime is how long it takes to hear of others that end at the same moment.
const endTime = 100 * time.Millisecond

// peersStay says to other servers that this one ends, and reports whether there are some that stay, and know what it knows.
func (i *instance) peersStay(ctx context.Context) bool {
	if i.fleet == nil || len(i.fleet.Members()) == 0 {
		return false
	}
	if err := i.fleet.End(ctx); err != nil {
		return false
	}
	time.Sleep(endTime)
	return slices.ContainsFunc(i.fleet.Members(), func(m fleet.Member) bool { return !m.Ending })
}

// nodeName is unique, and begins with the machine's name, so that the log of another node says something.
func nodeName() string {
	host, _ := os.Hostname()
	return host[:min(len(host), 32)] + "-" + rand.Text()[:8]
}

// otherServers are those that the status page lists.
func (i *instance) otherServers() (servers []monitor.Server) {
	if i.fleet == nil {
		return nil
	}
	for _, m := range i.fleet.Members() {
		servers = append(servers, monitor.Server{Name: m.Node, Version: m.Version, Since: m.Since, Connections: m.Stats.ActiveConnections, Ending: m.Ending})
	}
	return servers
}
