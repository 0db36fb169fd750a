package fleet

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"sync/atomic"
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
// leave it in Redis, as a key whose name only who has the fleet's key can know. Where it does not reach Redis at all, it asks
// some of them directly, where the host has a way, and they answer with a MAC.

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
			f.options.OnDeaf(false)
		}
		return
	}
	known := f.deafness.question != "" && f.isAnswered(ctx, f.deafness.question)
	if f.deafness.othersHear(known || f.askDirectly(ctx), time.Now()) {
		f.options.OnDeaf(true)
	}
	f.deafness.question = rand.Text()
	if _, err := f.publish(ctx, message{Kind: deaf, Question: f.deafness.question}); err != nil {
		f.deafness.question = ""
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
		_, err := f.setAnswer(ctx, question, answerTime)
		f.logFailure(ctx, err)
	}
}

// isAnswered reports whether somebody has answered a question. It leaves an answer of its own, so it is called once.
func (f *Fleet) isAnswered(ctx context.Context, question string) bool {
	isFirst, err := f.setAnswer(ctx, question, time.Second)
	return err == nil && !isFirst
}

// setAnswer leaves an answer to a question in Redis, and reports whether it is the first.
func (f *Fleet) setAnswer(ctx context.Context, question string, ttl time.Duration) (isFirst bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	return f.bus.SetNew(ctx, "notify_push_hears_"+f.mac("hears", question)[:32], f.options.Node, ttl)
}

func (f *Fleet) mac(purpose, question string) string {
	mac := hmac.New(sha256.New, f.options.Key)
	mac.Write([]byte(purpose + "\n" + question))
	return hex.EncodeToString(mac.Sum(nil))
}

const (
	// maxDirect is how many nodes are asked directly at once, and directTime how long they have.
	maxDirect  = 3
	directTime = time.Second
	// freshTime is how long ago a node must have heard of itself by way of Redis, to say that it hears: a subscription that is
	// half-open is noticed later.
	freshTime = 3 * time.Second
)

// askDirectly reports whether a node says, without Redis, that it hears events.
func (f *Fleet) askDirectly(ctx context.Context) (known bool) {
	f.mu.Lock()
	addresses := f.members.addresses(maxDirect)
	f.mu.Unlock()
	if f.options.AskNode == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, directTime)
	defer cancel()
	var asking sync.WaitGroup
	var hears atomic.Bool
	for _, address := range addresses {
		asking.Go(func() {
			question := rand.Text()
			answer, err := f.options.AskNode(ctx, address, question)
			if err == nil && hmac.Equal([]byte(answer), []byte(f.mac("answer", question))) {
				hears.Store(true)
				cancel()
			}
		})
	}
	asking.Wait()
	return hears.Load()
}

// AnswerNode returns what a node that asks directly is told where this one hears events. Anybody may ask, and learns no more.
func (f *Fleet) AnswerNode(system System, question string) (answer string, hears bool) {
	f.mu.Lock()
	isFresh := time.Since(f.ownHeard) <= freshTime
	f.mu.Unlock()
	if len(question) > maxName || !isFresh || !system.Hears() {
		return "", false
	}
	return f.mac("answer", question), true
}
