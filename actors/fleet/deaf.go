package fleet

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"time"
)

const (
	// deafTime is how long others must have heard what this node does not before it is called deaf: longer than the
	// waits before the subscription is tried again, which nodes do at different moments when Redis is back.
	deafTime = 10 * time.Second
	// answerTime is how long the answer to a question is good.
	answerTime = 10 * time.Second
)

// A node that does not hear events asks the others whether they do, once a second. It cannot hear their answer, so they
// leave it in Redis, as a key whose name only who has the fleet's key can know. Where that node cannot reach Redis at all,
// it learns nothing: to it, Redis is away for all.

// deafness decides whether this node is deaf. It is a plain state machine, which is given the time.
type deafness struct {
	question string    // the last; "": none
	since    time.Time // when others were known to hear for the first time; zero where they are not
	deaf     bool
}

// hears is that this node hears events. It reports whether it was deaf.
func (d *deafness) hears() (wasDeaf bool) {
	wasDeaf = d.deaf
	*d = deafness{}
	return wasDeaf
}

// othersHear takes what is known of others while this node does not hear, and reports whether it is deaf since now.
func (d *deafness) othersHear(known bool, now time.Time) (isDeaf bool) {
	switch {
	case d.deaf: // it stays so until it hears again: its clients are gone
	case !known:
		d.since = time.Time{}
	case d.since.IsZero():
		d.since = now
	case now.Sub(d.since) >= deafTime:
		d.deaf = true
		return true
	}
	return false
}

// listenToOthers finds out whether others hear events that this node does not.
func (f *Fleet) listenToOthers(ctx context.Context, system System) {
	if system.Hears() {
		if f.deafness.hears() {
			f.onDeaf(false)
		}
		return
	}
	known := f.deafness.question != "" && f.isAnswered(ctx, f.deafness.question)
	if f.deafness.othersHear(known, time.Now()) {
		f.onDeaf(true)
	}
	f.deafness.question = rand.Text()
	_, _ = f.publish(ctx, message{Kind: deaf, Question: f.deafness.question})
}

func (f *Fleet) onDeaf(deaf bool) {
	if f.options.OnDeaf != nil {
		f.options.OnDeaf(deaf)
	}
}

// answerDeaf answers the questions of nodes that do not hear events, where this one does.
func (f *Fleet) answerDeaf(ctx context.Context, system System) {
	f.mu.Lock()
	questions := f.questions
	f.questions = map[string]string{}
	f.mu.Unlock()
	for _, question := range questions {
		if !system.Hears() {
			return
		}
		ctx, cancel := context.WithTimeout(ctx, publishTimeout)
		_, err := f.bus.SetNew(ctx, f.answerKey(question), f.options.Node, answerTime)
		f.logFailure(ctx, err)
		cancel()
	}
}

// isAnswered reports whether somebody has answered a question. It leaves an answer of its own, so it is called once.
func (f *Fleet) isAnswered(ctx context.Context, question string) bool {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	isFirst, err := f.bus.SetNew(ctx, f.answerKey(question), f.options.Node, time.Second)
	return err == nil && !isFirst
}

func (f *Fleet) answerKey(question string) string {
	mac := hmac.New(sha256.New, f.options.Key)
	mac.Write([]byte("hears " + question))
	return "notify_push_hears_" + hex.EncodeToString(mac.Sum(nil)[:16])
}
