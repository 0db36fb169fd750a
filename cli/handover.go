package cli

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/internal/backoff"
	"github.com/notifypush/notifypush/internal/sealed"
	"github.com/notifypush/notifypush/storage"
	"go.uber.org/zap"
)

const (
	// takeTimeout is how long clients wait for it at the start. It is that of each attempt, too.
	takeTimeout = time.Second
	// takeRetry is the longest wait between two attempts, here and at the end.
	takeRetry = time.Second
	// leaveTimeout is that of each attempt at the end, for each chunk.
	leaveTimeout = 3 * time.Second
	// chunkLogins is how many logins one value in Redis holds: some 2 MiB, with long user ids.
	chunkLogins = 10_000
)

// handover carries verified logins from one process to the next, over Redis: the clients that a
// restart dropped come back without a login at Nextcloud. What lies in Redis meanwhile are digests
// under a key that never does.
type handover struct {
	redis    *storage.Redis
	log      *zap.Logger
	key      string // of the first chunk in Redis; the others' have a number behind it. Empty where there is no hand-over
	seal     []byte // what values are authenticated with
	ttl      time.Duration
	patience time.Duration
}

// handedOver is what a value in Redis holds, behind its authentication.
type handedOver struct {
	Left   time.Time                `json:"left"`
	Logins []actors.RememberedLogin `json:"logins"`
}

// encode authenticates logins as a whole, with the key that they are for and the time: who writes Redis can neither make a login
// another user's or younger, nor bring one back.
func (h *handover) encode(key string, logins []actors.RememberedLogin, now time.Time) (string, error) {
	body, err := json.Marshal(handedOver{now, logins})
	if err != nil {
		return "", err
	}
	return string(sealed.Seal(h.seal, key+"\n", body)), nil
}

func (h *handover) decode(key, value string, now time.Time) ([]actors.RememberedLogin, error) {
	body, ok := sealed.Open(h.seal, key+"\n", []byte(value))
	if !ok {
		return nil, errors.New("it was not written by a server of this Nextcloud, or was changed")
	}
	var found handedOver
	if err := json.Unmarshal(body, &found); err != nil {
		return nil, err
	}
	if age := now.Sub(found.Left); age.Abs() > h.ttl {
		return nil, fmt.Errorf("it was written %v ago", age.Round(time.Second))
	}
	return found.Logins, nil
}

// loginsPurpose is the purpose of the digests' key. Where that is not known, the key is random and ends with the process.
const loginsPurpose = "notify_push logins"

// keyOf derives a key that all servers of a Nextcloud have from its secret; nil where that is not known.
func keyOf(secret actors.Secret, purpose string) []byte {
	if secret == "" {
		return nil
	}
	return derive([]byte(secret.Reveal()), purpose)
}

func derive(key []byte, purpose string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(purpose))
	return mac.Sum(nil)
}

func newHandover(settings config.Settings, redis *storage.Redis, log *zap.Logger) *handover {
	h := &handover{redis: redis, log: log, ttl: *settings.Actors.AuthResume, patience: takeTimeout}
	if key := keyOf(settings.Instance.Secret, loginsPurpose); key != nil && h.ttl > 0 {
		h.seal = derive(key, "seal")
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
	missing := outage{log: h.log, begins: "cannot resume the logins of the previous process yet", ends: "can resume the logins of the previous process"}
	hasTried := sync.OnceFunc(func() { close(tried) })
	missing.retry(ctx, takeRetry, takeRetry, func() error {
		defer hasTried()
		return h.tryTake(ctx, system)
	})
}

// tryTake takes one chunk after the other until there is none.
func (h *handover) tryTake(ctx context.Context, system *actors.System) error {
	taken := 0
	for chunk := 0; ; chunk++ {
		logins, found, err := h.takeChunk(ctx, h.chunkKey(chunk))
		if err != nil || !found {
			if taken > 0 {
				h.log.Info("resumed the logins of the previous process", zap.Int("logins", taken))
			}
			return err
		}
		system.Resume(logins)
		taken += len(logins)
	}
}

// takeChunk deletes only what it has read. Deleting it in one step would lose it to a Redis that was
// paused, and carries out afterwards what nobody waits for any more.
func (h *handover) takeChunk(ctx context.Context, key string) (logins []actors.RememberedLogin, found bool, err error) {
	reading, cancel := context.WithTimeout(ctx, h.patience)
	defer cancel()
	text, found, err := h.redis.Get(reading, key)
	if err != nil || !found {
		return nil, false, err
	}
	deleting, cancel := context.WithTimeout(ctx, h.patience)
	defer cancel()
	_ = h.redis.Delete(deleting, key) // else it expires
	if logins, err = h.decode(key, text, time.Now()); err != nil {
		h.log.Warn("cannot read the logins of the previous process", zap.Error(err))
		return nil, false, nil
	}
	return logins, true, nil
}

func (h *handover) chunkKey(chunk int) string {
	if chunk == 0 {
		return h.key
	}
	return h.key + "_" + strconv.Itoa(chunk)
}

// leave writes down the logins for the next process, while clients are let go: they need not wait for
// Redis, which may be on its way back as well. The function that it returns is called when they are gone,
// and waits for the last attempt.
func (h *handover) leave(system *actors.System) (wait func()) {
	if h.key == "" || h.ttl == 0 {
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
			h.log.Warn("cannot hand logins over to the next process", zap.Error(err))
		}
	})
	return func() {
		close(gone)
		writing.Wait()
	}
}

// writeUntil tries as long as there is time, and once at least. The last chunk is written first: who finds the
// first one finds all.
func (h *handover) writeUntil(over <-chan struct{}, logins []actors.RememberedLogin) error {
	chunks := slices.Collect(slices.Chunk(logins, chunkLogins))
	for chunk, logins := range slices.Backward(chunks) {
		key := h.chunkKey(chunk)
		text, err := h.encode(key, logins, time.Now())
		if err != nil {
			return err
		}
		for err = h.write(key, text); err != nil; err = h.write(key, text) {
			if !backoff.Pause(over, backoff.Jitter(takeRetry)) {
				return err
			}
		}
	}
	return nil
}

func (h *handover) write(key, text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	return h.redis.Set(ctx, key, text, h.ttl)
}
