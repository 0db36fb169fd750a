package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/internal/setting"
	"github.com/notifypush/notifypush/storage"
	"github.com/notifypush/notifypush/transport"
)

// isChangeable reports whether a setting counts from a reload on: by its tag, or because it is of Redis or the database, whose
// options are replaced as a whole. All others need a restart.
func isChangeable(name string) bool {
	if strings.HasPrefix(name, "redis") || strings.HasPrefix(name, "database") {
		return true
	}
	for field := range setting.Fields(&config.Settings{}) {
		if field.Name() == name {
			return field.Reloads
		}
	}
	return false
}

// reloads reads the configuration again at each SIGHUP.
type reloads struct {
	load    func(context.Context) *config.Result
	started *config.Result // with which the server began
	now     *config.Result // in force
	signals chan os.Signal
}

// newReloads takes SIGHUP from now on, so that it ends nothing while the server waits for its configuration. It may also come of
// a terminal that is closed, which does no harm.
func newReloads(load func(context.Context) *config.Result) *reloads {
	r := &reloads{load: load, signals: make(chan os.Signal, 1)}
	signal.Notify(r.signals, syscall.SIGHUP)
	return r
}

// originsInterval is how often at most trusted_domains are read again because a page was refused. Unauthenticated clients cause that.
const originsInterval = time.Minute

// run reloads until ctx ends.
func (r *reloads) run(ctx context.Context, d *daemon) {
	var originsRead time.Time
	for {
		select {
		case <-r.signals:
			r.reload(ctx, d)
		case <-d.pageRefused:
			if time.Since(originsRead) >= originsInterval {
				r.reloadOrigins(ctx, d)
				originsRead = time.Now()
			}
		case <-ctx.Done():
			return
		}
	}
}

// reload has another configuration in force if it can be used.
func (r *reloads) reload(ctx context.Context, d *daemon) {
	next := r.load(ctx)
	err := errors.Join(next.Err(), missingFile(next.Settings))
	if err == nil {
		err = transport.CheckCertificate(next.Settings.Listen)
	}
	if err == nil {
		err = d.reconfigure(next.Settings)
	}
	if err != nil {
		d.log.Error("the configuration cannot be used; the one before stays in force", zap.String("error", onOneLine(err.Error())))
		return
	}
	changed, _ := differences(r.now, next)
	_, needRestart := differences(r.started, next)
	if slices.Contains(changed, "log_level") {
		d.log.configure(next.Settings.Log.Level)
	}
	for _, warning := range next.Warnings {
		if !slices.Contains(r.now.Warnings, warning) {
			d.log.Warn("configuration", zap.String("warning", warning))
		}
	}
	if !slices.Equal(r.now.DotEnv, next.DotEnv) {
		logDotEnv(d.log.Logger, next)
	}
	d.log.Warn("configuration read again", zap.Strings("changed", changed))
	if len(needRestart) > 0 {
		d.log.Warn("settings have changed that need a restart", zap.Strings("settings", needRestart))
	}
	r.now = next
}

// reloadOrigins has a domain count that Nextcloud has come to trust since the start: the page comes back.
func (r *reloads) reloadOrigins(ctx context.Context, d *daemon) {
	const name = "allowed_origins"
	next := r.load(ctx)
	if next.ErrOf(name) == nil && next.Sources[name] != config.SourceDefault { // else they are not known now
		d.websocket.SetAllowedOrigins(next.Settings.Websocket.AllowedOrigins)
	}
}

// differences are the names of the settings that differ: those that count now, and those that need a restart.
func differences(before, next *config.Result) (changed, needRestart []string) {
	old := before.Report(true).Settings
	for name, value := range next.Report(true).Settings {
		switch {
		case reflect.DeepEqual(old[name].Value, value.Value):
		case isChangeable(name):
			changed = append(changed, name)
		default:
			needRestart = append(needRestart, name)
		}
	}
	slices.Sort(changed)
	slices.Sort(needRestart)
	return changed, needRestart
}

// reconfigure has the changeable settings count. It changes nothing if they cannot be used.
func (d *daemon) reconfigure(s config.Settings) error {
	redis, err := storage.NewRedis(s.Redis)
	if err != nil {
		return err
	}
	_ = redis.Close()
	if err := d.mounts.Reconfigure(s.Database); err != nil {
		return err
	}
	if err := d.redis.Reconfigure(s.Redis); err != nil {
		return err
	}
	if err := d.system.Reconfigure(actorOptions(s, d.log.Logger)); err != nil {
		return err
	}
	d.websocket.SetLimits(websocketOptions(s, d.log.Logger).Limits)
	d.websocket.SetAllowedOrigins(s.Websocket.AllowedOrigins)
	d.monitored.Store(&s.Monitor)
	d.settings.Actors.DrainTimeout, d.settings.Actors.AuthResume = s.Actors.DrainTimeout, s.Actors.AuthResume
	return nil
}
