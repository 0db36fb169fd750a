package cli

import (
	"context"

	"go.uber.org/zap"

	"github.com/notifypush/notifypush/actors/fleet"
	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/storage"
)

// newFleet returns this server's part of a fleet, or nil where it is to be alone or Nextcloud's secret is not known.
func newFleet(settings config.Settings, redis *storage.Redis, log *zap.Logger) (*fleet.Fleet, error) {
	secret := settings.Instance.Secret
	if settings.Fleet.Off || secret == "" {
		return nil, nil
	}
	return fleet.New(redis, fleet.Options{
		Key: derive([]byte(secret.Reveal()), "notify_push fleet"), Version: Version(), Logger: log,
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

// hasPeers reports whether there are other servers that know what this one knows.
func (d *daemon) hasPeers() bool { return d.fleet != nil && len(d.fleet.Members()) > 0 }
