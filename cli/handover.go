package cli

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"sync"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/storage"
	"go.uber.org/zap"
)

const (
	// takeTimeout is how long clients wait for it at the start. It is that of each attempt, too.
	takeTimeout = time.Second
	// takeRetry is the longest wait between two attempts, here and at the end.
	takeRetry = time.Second
	// leaveTimeout is that of each attempt at the end.
	leaveTimeout = 3 * time.Second
)

// handover carries verified logins from one process to the next, over Redis: the clients that a
// restart dropped come back without a login at Nextcloud. What lies in Redis meanwhile are digests
// under a key that never does.
type handover struct {
	redis    *storage.Redis
	log      *zap.Logger
	key      string // in Redis; empty where there is no hand-over
	ttl      time.Duration
	patience time.Duration
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
	h := &handover{redis: redis, log: log, ttl: settings.AuthResume, patience: takeTimeout}
	if key := handoverKey(settings.NextcloudSecret); key != nil && settings.AuthResume > 0 {
		h.key = "notify_push_logins_" + hex.EncodeToString(derive(key, "name")[:4])
	}
	return h
}

// take resumes what the process before has left. It closes tried after the first attempt; where Redis
// is not there yet it goes on, as long as what was left is good.
func (h *handover) take(ctx context.Context, system *actors.System, tried chan<- struct{}) {
	if h.key == "" {
		close(tried)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, h.ttl)
	defer cancel()
	err := h.tryTake(ctx, system)
	close(tried)
	if err != nil && ctx.Err() == nil {
		h.log.Warn("the logins of the process before are not resumed yet", zap.Error(err))
	}
	for err != nil && pause(ctx.Done(), takeRetry) {
		err = h.tryTake(ctx, system)
	}
}

// tryTake deletes only what it has read. Deleting it in one step would lose it to a Redis that was
// paused, and carries out afterwards what nobody waits for any more.
func (h *handover) tryTake(ctx context.Context, system *actors.System) error {
	ctx, cancel := context.WithTimeout(ctx, h.patience)
	defer cancel()
	text, found, err := h.redis.Get(ctx, h.key)
	if err != nil || !found {
		return err
	}
	defer func() { _ = h.redis.Delete(ctx, h.key) }() // else it expires
	var logins []actors.RememberedLogin
	if err := json.Unmarshal([]byte(text), &logins); err != nil {
		h.log.Warn("what the process before left of its logins cannot be read", zap.Error(err))
		return nil
	}
	system.Resume(logins)
	h.log.Info("resumed logins of the process before", zap.Int("logins", len(logins)))
	return nil
}

// leave writes down the logins for the next process, while clients are let go: they need not wait for
// Redis, which may be on its way back as well. The function that it returns is called when they are gone,
// and waits for the last attempt.
func (h *handover) leave(system *actors.System) (wait func()) {
	if h.key == "" {
		return func() {}
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	logins, err := system.Logins(ctx)
	cancel()
	if err == nil && len(logins) == 0 {
		return func() {}
	}
	gone := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		if err == nil {
			err = h.writeUntil(gone, logins)
		}
		if err != nil {
			h.log.Warn("the next process will not know the logins of this one", zap.Error(err))
		}
	})
	return func() {
		close(gone)
		writing.Wait()
	}
}

// writeUntil tries as long as there is time, and once at least.
func (h *handover) writeUntil(over <-chan struct{}, logins []actors.RememberedLogin) error {
	text, err := json.Marshal(logins)
	if err != nil {
		return err
	}
	for {
		if err = h.write(string(text)); err == nil || !pause(over, takeRetry) {
			return err
		}
	}
}

func (h *handover) write(text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	return h.redis.Set(ctx, h.key, text, h.ttl)
}
