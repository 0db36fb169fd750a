package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/fleet"
	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/storage"
)

// probeForeign asks the push servers at this Redis who they are: those of this Nextcloud, with which prefix of channels its app
// publishes, and those of others, whether they hear that.
func probeForeign(ctx context.Context, settings config.Settings, report func(finding)) {
	prefix := settings.Redis.ChannelPrefix
	var answers fleet.Answers
	var silent int
	var err error
	isAsked := isOfFleet(settings) && settings.Instance.ID != "" // else servers with these settings would not answer
	if isAsked {
		answers, silent, err = askServers(ctx, settings)
	}
	switch used := slices.DeleteFunc(slices.Clone(answers.Used), func(used string) bool { return used == "" }); {
	case len(used) > 0:
		detail := fmt.Sprintf("events come on channels whose names begin with %q", used[0])
		if slices.Contains(answers.Used, "") {
			detail += ", and on those without"
		}
		report(finding{"Redis channels", green, detail, ""})
	case prefix != "":
		report(finding{"Redis channels", yellow, fmt.Sprintf("their names begin with %q", prefix),
			"What publishes must write this before the names, too. The app itself does not, unless it is changed to put dbindex there (docs/hosting.md): else give it a Redis of its own by notify_push_redis in config.php."})
	}
	const name = "other Nextclouds"
	if !isAsked {
		return
	}
	if refusal, ok := errors.AsType[*storage.RedisError](err); ok && refusal.IsPermission() {
		report(finding{name, yellow, "whether one uses the same channels cannot be found out: " + refusal.Cause(),
			"Allow the user what several push servers need: ACL SETUSER <user> +publish &notify_*"})
		return
	}
	if err != nil {
		report(finding{name, yellow, "whether one uses the same channels cannot be found out: " + err.Error(), ""})
		return
	}
	sharing := fleet.Sharing(answers.Used, answers.Foreign)
	switch {
	case len(answers.Foreign) == 0 && silent > 0:
		report(finding{name, yellow, fmt.Sprintf("%d more than the servers of this kind hear the same channels: the app's own daemon, of this Nextcloud or of another one?", silent),
			"End the app's own daemon, if it is this Nextcloud's. " + fleet.ForeignAdvice})
	case len(answers.Foreign) == 0:
		report(finding{name, green, "none has a push server at this Redis", ""})
	case len(sharing) > 0:
		report(finding{name, red, "one uses the same channels of Redis, so that events and logins are exchanged: " + instancesOf(sharing), fleet.ForeignAdvice})
	case len(answers.Used) == 0:
		report(finding{name, yellow, "one has a push server at this Redis, and its channels are the same unless the app puts dbindex before them: " + instancesOf(answers.Foreign), fleet.ForeignAdvice})
	default:
		report(finding{name, green, "those at this Redis use other channels: " + instancesOf(answers.Foreign), ""})
	}
}

// askServers asks. silent is how many hear events, and do not know of each other.
func askServers(ctx context.Context, settings config.Settings) (answers fleet.Answers, silent int, err error) {
	redis, err := storage.NewRedis(settings.Redis)
	if err != nil {
		return fleet.Answers{}, 0, err
	}
	defer redis.Close()
	if settings.Redis.Cluster { // of which a node counts its own subscribers alone
		answers, err = fleet.Ask(ctx, redis, fleetOptions(settings, redis))
		return answers, 0, err
	}
	counts, countErr := redis.Subscribers(ctx, actors.Channels[0], fleet.Channel) // before this one listens
	answers, err = fleet.Ask(ctx, redis, fleetOptions(settings, redis))
	if countErr == nil { // where an ACL forbids to count, nothing is known
		silent = counts[0] - counts[1]
	}
	return answers, silent, err
}
