package storage

import (
	"context"

	"github.com/notifypush/notifypush/actors"
)

// CountsSubscribers reports whether Publish counts all subscribers: not in a cluster.
func (r *Redis) CountsSubscribers() bool { return !r.current().options.Cluster }

// PublishEvent sends an event to every server that listens to this Redis, and returns how many of those were
// counted (see Publish). A host with several nodes calls it in the place of actors.System.Publish.
func (r *Redis) PublishEvent(ctx context.Context, event actors.Event) (subscribers int, err error) {
	channel, payload, err := actors.EncodeEvent(event)
	if err != nil {
		return 0, err
	}
	return r.Publish(ctx, channel, payload)
}
