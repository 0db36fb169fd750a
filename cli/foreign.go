package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.uber.org/zap"

	"github.com/notifypush/notifypush/actors/fleet"
	"github.com/notifypush/notifypush/storage"
)

// eventSource is Redis, and says with which prefixes of channels events come.
type eventSource struct {
	*storage.Redis
	fleet *fleet.Fleet // nil: this server is alone
	log   *zap.Logger
}

// Receive implements actors.EventSource.
func (s eventSource) Receive(ctx context.Context, channels []string, subscribed func(), message func(channel string, payload []byte)) error {
	used := map[string]bool{}
	err := s.ReceiveWithPrefix(ctx, channels, subscribed, func(prefix, channel string, payload []byte) {
		if !used[prefix] {
			used[prefix] = true
			s.onPrefix(prefix)
		}
		message(channel, payload)
	})
	if s.fleet != nil && errors.Is(err, storage.ErrMoved) {
		s.fleet.ForgetForeign()
	}
	return err
}

func (s eventSource) onPrefix(prefix string) {
	if prefix != "" {
		s.log.Info("events come on channels with a prefix", zap.String("prefix", prefix))
	}
	if s.fleet != nil {
		s.fleet.EventsHeard(prefix)
	}
}

// warning says what is wrong although the server is ready: that another Nextcloud uses the same channels, or seems to. It is
// empty where nothing is.
func (i *instance) warning() string {
	if i.fleet != nil {
		if foreign := i.fleet.Foreign(); len(foreign) > 0 {
			return fmt.Sprintf("another Nextcloud uses the same channels of Redis (%s): events and logins are exchanged. %s", instancesOf(foreign), fleet.ForeignAdvice)
		}
	}
	if n := i.system.UnknownStorages(); n > 0 {
		return fmt.Sprintf("most file events are of storages that nobody has mounted (%d of them): does another Nextcloud publish on the same channels of Redis? %s", n, fleet.ForeignAdvice)
	}
	return ""
}

func instancesOf(foreign []fleet.Foreign) string {
	var ids []string
	for _, f := range foreign {
		ids = append(ids, "instanceid "+f.Instance)
	}
	return strings.Join(ids, ", ")
}
