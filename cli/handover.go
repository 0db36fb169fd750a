package cli

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/storage"
	"go.uber.org/zap"
)

// takeTimeout and leaveTimeout bound the time that the start and the end spend on it.
const takeTimeout, leaveTimeout = time.Second, 3 * time.Second

// handover carries verified logins from one process to the next, over Redis: the clients that a
// restart dropped come back without a login at Nextcloud. What lies in Redis meanwhile are digests
// under a key that never does.
type handover struct {
	redis *storage.Redis
	log   *zap.Logger
	key   string // in Redis; empty where there is no hand-over
	ttl   time.Duration
}

// handoverKey derives the digests' key from Nextcloud's secret; nil where that is not known, for
// then the key is random and ends with the process.
func handoverKey(secret config.Secret) []byte {
	if secret.Reveal() == "" {
		return nil
	}
	return derive([]byte(secret.Reveal()), "notify_push logins")
}

func derive(key []byte, purpose string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(purpose))
	return mac.Sum(nil)
}

func newHandover(settings config.Settings, redis *storage.Redis, log *zap.Logger) *handover {
	h := &handover{redis: redis, log: log, ttl: settings.AuthResume}
	if key := handoverKey(settings.NextcloudSecret); key != nil && settings.AuthResume > 0 {
		h.key = "notify_push_logins_" + hex.EncodeToString(derive(key, "name")[:4])
	}
	return h
}

// take resumes what the process before has left, before the first client comes. Where Redis is not
// there yet it goes on trying in the background, as long as what was left is good.
func (h *handover) take(ctx context.Context, system *actors.System) {
	if h.key == "" {
		return
	}
	err := h.tryTake(ctx, system)
	if err == nil {
		return
	}
	h.log.Warn("the logins of the process before are not resumed yet", zap.Error(err))
	go func() {
		ctx, cancel := context.WithTimeout(ctx, h.ttl)
		defer cancel()
		for h.tryTake(ctx, system) != nil {
			select {
			case <-time.After(takeTimeout):
			case <-ctx.Done():
				return
			}
		}
	}()
}

func (h *handover) tryTake(ctx context.Context, system *actors.System) error {
	ctx, cancel := context.WithTimeout(ctx, takeTimeout)
	defer cancel()
	text, found, err := h.redis.GetDelete(ctx, h.key)
	if err != nil || !found {
		return err
	}
	var logins []actors.RememberedLogin
	if err := json.Unmarshal([]byte(text), &logins); err != nil {
		h.log.Warn("what the process before left of its logins cannot be read", zap.Error(err))
		return nil
	}
	system.Resume(logins)
	h.log.Info("resumed logins of the process before", zap.Int("logins", len(logins)))
	return nil
}

// leave writes down the logins for the next process.
func (h *handover) leave(ctx context.Context, system *actors.System) {
	if h.key == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	logins, err := system.Logins(ctx)
	if err == nil && len(logins) > 0 {
		var text []byte
		if text, err = json.Marshal(logins); err == nil {
			err = h.redis.Set(ctx, h.key, string(text), h.ttl)
		}
	}
	if err != nil {
		h.log.Warn("the next process will not know the logins of this one", zap.Error(err))
	}
}
