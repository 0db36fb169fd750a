package cli

import (
	"context"
	"crypto/rand"
	"os"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/notifypush/notifypush/actors/fleet"
	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/storage"
)

// newFleet returns this server's part of a fleet, or nil where it is to be alone or Nextcloud's secret is not known.
func newFleet(settings config.Settings, redis *storage.Redis, log *zap.Logger, onDeaf func(bool)) (*fleet.Fleet, error) {
	secret := settings.Instance.Secret
	if settings.Fleet.Off || secret == "" {
		return nil, nil
	}
	return fleet.New(redis, fleet.Options{
		Key: derive([]byte(secret.Reveal()), "notify_push fleet"), Node: nodeName(), Version: Version(), OnDeaf: onDeaf, Logger: log,
	})
}

// joinFleet begins to hear other servers, and to publish to them, until leaveFleet. What it returns is closed when what they know is known here.
func (d *daemon) joinFleet() (known <-chan struct{}) {
	if d.fleet == nil {
		none := make(chan struct{})
		close(none)
		return none
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.fleet.Run(ctx, d.system)
	}()
	d.leaveFleet = func() {
		cancel()
		<-ended
	}
	return d.fleet.Ready()
}

// endTime is how long it takes to hear of others that end at the same moment.
const endTime = 100 * time.Millisecond

// peersStay says to other servers that this one ends, and reports whether there are some that stay, and know what it knows.
func (d *daemon) peersStay(ctx context.Context) bool {
	if d.fleet == nil || len(d.fleet.Members()) == 0 {
		return false
	}
	if err := d.fleet.End(ctx); err != nil {
		return false
	}
	time.Sleep(endTime)
	return slices.ContainsFunc(d.fleet.Members(), func(m fleet.Member) bool { return !m.Ending })
}

// nodeName is unique, and begins with the machine's name, so that the log of another node says something.
func nodeName() string {
	host, _ := os.Hostname()
	return host[:min(len(host), 32)] + "-" + rand.Text()[:8]
}
