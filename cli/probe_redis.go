package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/storage"
)

// redisFailure is the finding of a step that failed, with what storage knows to help.
func redisFailure(name string, err error) finding {
	failure, ok := errors.AsType[*storage.RedisError](err)
	if !ok { // such as a Ctrl-C
		return finding{name, red, err.Error(), ""}
	}
	return finding{name, red, failure.Cause(), cmp.Or(failure.Advice(), "Redis's own log may say more.")}
}

// testTokenKey is the key by which the app's self test knows the push server.
const testTokenKey = "test-token"

// probeRedis walks through what it takes to hear Nextcloud's events. Of a cluster, one node that works is enough.
func probeRedis(ctx context.Context, result *config.Result, report func(finding)) {
	if result.Sources["redis"] == "default" {
		report(finding{"Redis", yellow, "none is configured, so 127.0.0.1:6379 is used, as PHP does",
			"Set redis in config.php, so that Nextcloud and the push server are sure to use the same one."})
	}
	options := result.Settings.Redis
	options.DialTimeout = shortened(options.DialTimeout)
	options.ReadTimeout = shortened(options.ReadTimeout)

	var findings []finding
	heard := false
	for _, address := range options.Addresses {
		node := options
		node.Addresses = []string{address}
		steps, subscribed := walkRedis(ctx, node)
		findings, heard = append(findings, steps...), heard || subscribed
	}
	for _, f := range findings {
		if f.Status == red && heard {
			f.Status, f.Advice = yellow, "Another node is used meanwhile; fix this one, or take it out of the seeds."
		}
		report(f)
	}
	if heard {
		report(probeRedisKeys(ctx, options))
	}
	settings := result.Settings
	settings.Redis = options
	settings.Fleet.Off = settings.Fleet.Off || !heard
	probeForeign(ctx, settings, report)
}

// shortened is a configured timeout, but no more than check has.
func shortened(configured time.Duration) time.Duration {
	if configured <= 0 {
		return stepTimeout
	}
	return min(configured, stepTimeout)
}

// walkRedis subscribes at one address, and says how each step on the way went.
func walkRedis(ctx context.Context, options storage.RedisOptions) (steps []finding, subscribed bool) {
	redis, err := storage.NewRedis(options)
	if err != nil {
		return []finding{{redisStep(storage.StepDial), red, err.Error(), ""}}, false
	}
	defer redis.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err = redis.Receive(ctx, actors.Channels, func() {
		subscribed = true
		cancel()
	}, func(string, []byte) {})

	walked := walkOf(options)
	if subscribed {
		return walked, true
	}
	failure, ok := errors.AsType[*storage.RedisError](err)
	if !ok {
		return []finding{redisFailure(redisStep(storage.StepDial), err)}, false
	}
	at := slices.IndexFunc(walked, func(f finding) bool { return f.Name == redisStep(failure.Step) })
	if at < 0 {
		at = len(walked) - 1
	}
	return append(walked[:at], redisFailure(redisStep(failure.Step), err)), false
}

// walkOf lists the steps to a subscription as they are when all goes well.
func walkOf(options storage.RedisOptions) []finding {
	address := options.Addresses[0]
	walk := []finding{{redisStep(storage.StepDial), green, "connected to " + address, ""}}
	step := func(name, detail string) { walk = append(walk, finding{redisStep(name), green, detail, ""}) }
	if strings.HasPrefix(address, "rediss:") {
		step(storage.StepTLS, trustOf(options.TLS))
	}
	if options.Password != "" {
		step(storage.StepAuth, cmp.Or(nameUser(options.User), "the default user")+" is let in")
	}
	if options.Database != 0 && !options.Cluster {
		step(storage.StepSelect, fmt.Sprintf("database %d is there", options.Database))
	}
	step(storage.StepSubscribe, fmt.Sprintf("all %d channels are confirmed by %s", len(actors.Channels), address))
	return walk
}

func redisStep(step string) string { return "Redis " + step }

func trustOf(tls storage.RedisTLS) string {
	switch {
	case tls.SkipVerifyPeer:
		return "encrypted; the signer of the certificate is not checked"
	case tls.SkipVerifyName:
		return "encrypted; the certificate is trusted, and may be for any name"
	default:
		return "encrypted; the certificate is trusted"
	}
}

func nameUser(user string) string {
	if user == "" {
		return ""
	}
	return fmt.Sprintf("user %q", user)
}

// keyCommands are what the self test and the metrics need, beside reading the token.
var keyCommands = [][]any{
	{"GET", "notify_push_app_version"},
	{"DEL", "notify_push_app_version"},
	{"SET", "notify_push_version", "1"},
	{"SET", "notify_push_metrics", "1"},
}

// probeRedisKeys reads a key, which a user with ACLs may not be allowed although it may subscribe, and asks
// whether it may write those that the server writes.
func probeRedisKeys(ctx context.Context, options storage.RedisOptions) finding {
	const name, readable = "Redis keys", "those of the self test can be read"
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	redis, err := storage.NewRedis(options)
	if err != nil {
		return redisFailure(name, err)
	}
	defer redis.Close()
	if _, _, err := redis.Get(ctx, testTokenKey); err != nil {
		return redisFailure(name, err)
	}
	for _, command := range keyCommands {
		err := redis.MayRun(ctx, command[0].(string), command[1:]...)
		switch {
		case errors.Is(err, storage.ErrNotTried) && (errors.Is(err, storage.ErrMayNotAsk) || options.User != "" && options.Password != ""):
			return finding{name, yellow, readable + "; writing was not tried, because this user may not ask (ACL DRYRUN)", storage.KeysAdvice}
		case errors.Is(err, storage.ErrNotTried): // the default user may do everything, unless an ACL says otherwise
			return finding{name, green, readable + "; writing was not tried", ""}
		case err != nil:
			return redisFailure(name, err)
		}
	}
	return finding{name, green, readable + " and written", ""}
}
