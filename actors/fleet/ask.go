package fleet

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"
)

// askTime is how long Ask waits for answers at most.
const askTime = 2 * time.Second

// Answers are what Ask has heard.
type Answers struct {
	Nodes   []string  // the servers of this Nextcloud
	Used    []string  // the prefixes with which events have come to them
	Foreign []Foreign // other Nextclouds at the same Redis; of many, some answer
}

// Ask finds out which servers there are, of this Nextcloud and of others, without being one: within 2 s, and at once where
// all that listen have answered, outside of a cluster.
func Ask(ctx context.Context, bus Bus, options Options) (Answers, error) {
	limited, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	asking := asking{awaited: math.MaxInt, foreign: newForeigners(options.Instance), done: cancel}
	var publishing sync.WaitGroup
	err := bus.Receive(limited, []string{Channel}, func() {
		publishing.Go(func() {
			listeners, err := publishQuestion(limited, bus, options)
			if err == nil && !bus.CountsSubscribers() {
				return
			}
			asking.published(listeners, err)
		})
	}, func(_ string, payload []byte) {
		m, e, err := decode(options.Key, payload)
		asking.heard(m, e, err, options.Instance)
	})
	publishing.Wait()
	if limited.Err() == nil || ctx.Err() != nil {
		return Answers{}, err
	}
	asking.answers.Foreign = asking.foreign.all()
	return asking.answers, asking.err
}

// asking is an Ask under way.
type asking struct {
	done func() // set once

	mu      sync.Mutex // guards the rest
	answers Answers
	foreign foreigners
	awaited int
	err     error // of publishing
}

// published is how many listen, this one included.
func (a *asking) published(listeners int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.err, a.awaited = err, listeners-1
	a.endOnceAllAnswered()
}

func (a *asking) heard(m message, e envelope, err error, own string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case isForeign(e, err, own):
		a.foreign.hear(e, time.Now())
	case err == nil && m.Kind == here:
		a.answers.Nodes = append(a.answers.Nodes, m.Node)
		for _, prefix := range m.Used {
			if !slices.Contains(a.answers.Used, prefix) {
				a.answers.Used = append(a.answers.Used, prefix)
			}
		}
	}
	a.endOnceAllAnswered()
}

func (a *asking) endOnceAllAnswered() {
	if len(a.answers.Nodes)+len(a.foreign.known) >= a.awaited {
		a.done()
	}
}

// publishQuestion asks all servers who they are, and returns how many listen.
func publishQuestion(ctx context.Context, bus Bus, options Options) (listeners int, err error) {
	payload, err := encode(options.Key, options.envelope(askAll), message{Kind: askAll, Node: options.Node, Sequence: 1, SentAt: time.Now()})
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	return bus.Publish(ctx, Channel, payload)
}
