package cli

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
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
	field, known := fieldOf(name)
	return known && field.Reloads
}

// isOfProcess reports whether a setting is one of the process, where that serves several instances.
func isOfProcess(name string) bool {
	field, known := fieldOf(name)
	return known && (field.Scope == setting.OfProcess || field.Scope == setting.OfEach)
}

func fieldOf(name string) (_ setting.Field, known bool) {
	for field := range setting.Fields(&config.Settings{}) {
		if field.Name() == name {
			return field, true
		}
	}
	return setting.Field{}, false
}

// checkReload returns why another configuration cannot be used.
func checkReload(next *config.Result) error {
	if err := errors.Join(next.Err(), missingFile(next.Settings)); err != nil {
		return err
	}
	return transport.CheckCertificate(next.Settings.Listen)
}

// take has another configuration in force, and says which settings have changed since the start that need a restart. It changes nothing if it
// cannot be used.
func (i *instance) take(next *config.Result) (needRestart []string, err error) {
	if err := i.reconfigure(next.Settings); err != nil {
		return nil, err
	}
	changed, _ := differences(i.now, next)
	_, needRestart = differences(i.started, next)
	if slices.Contains(changed, "log_level") {
		i.log.configure(next.Settings.Log.Level)
	}
	for _, warning := range next.Warnings {
		if !slices.Contains(i.now.Warnings, warning) {
			i.log.Warn("configuration", zap.String("warning", warning))
		}
	}
	i.log.Warn("configuration read again", zap.Strings("changed", changed))
	i.now = next
	return needRestart, nil
}

// warnUnusable says that the configuration before stays in force.
func (l *logging) warnUnusable(err error) {
	l.Error("the configuration cannot be used; the one before stays in force", zap.String("error", onOneLine(err.Error())))
}

// warnNeedRestart names the settings that the reload did not take over, if there are any.
func (l *logging) warnNeedRestart(settings []string) {
	if len(settings) > 0 {
		l.Warn("settings have changed that need a restart", zap.Strings("settings", settings))
	}
}

// originsInterval is how often at most trusted_domains are read again because a page was refused. Unauthenticated clients cause that.
const originsInterval = time.Minute

// readOrigins has a domain count that Nextcloud has come to trust since the start: the page comes back.
func (i *instance) readOrigins(ctx context.Context) {
	if time.Since(i.originsRead) < originsInterval {
		return
	}
	next := i.load(ctx)
	i.originsRead = time.Now()
	const name = "allowed_origins"
	if ctx.Err() == nil && next.ErrOf(name) == nil && next.Sources[name] != config.SourceDefault { // else they are not known now
		i.websocket.SetAllowedOrigins(next.Settings.Websocket.AllowedOrigins)
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
func (i *instance) reconfigure(s config.Settings) error {
	redis, err := storage.NewRedis(s.Redis)
	if err != nil {
		return err
	}
	_ = redis.Close()
	if err := i.mounts.Reconfigure(s.Database); err != nil {
		return err
	}
	if err := i.redis.Reconfigure(s.Redis); err != nil {
		return err
	}
	if err := i.system.Reconfigure(i.actorOptions(s)); err != nil {
		return err
	}
	i.websocket.SetLimits(i.websocketOptions(s).Limits)
	i.websocket.SetAllowedOrigins(s.Websocket.AllowedOrigins)
	i.settings.Actors.DrainTimeout, i.settings.Actors.AuthResume = s.Actors.DrainTimeout, s.Actors.AuthResume
	return nil
}

// reloadLogins has the configuration read again when Redis or the database refuses the login: the password may have changed.
func reloadLogins(s *config.Settings, load func(context.Context) *config.Result) {
	s.Redis.Reload = func(ctx context.Context) (storage.RedisOptions, error) {
		result := load(ctx)
		return result.Settings.Redis, result.ErrOf("redis")
	}
	s.Database.Reload = func(ctx context.Context) (storage.DatabaseOptions, error) {
		result := load(ctx)
		return result.Settings.Database, errors.Join(result.ErrOf("database"), result.ErrOf("database_prefix"))
	}
}
