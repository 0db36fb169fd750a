package fleet_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/fleet"
)

// noSystem knows no logins and no users.
type noSystem struct{ fleet.System }

func (noSystem) LearnLogins(string, []actors.LoginNews)                   {}
func (noSystem) PeerGone(string)                                          {}
func (noSystem) AnnounceLogins(context.Context) error                     { return nil }
func (noSystem) Crowds(context.Context, []string) (map[string]int, error) { return nil, nil }
func (noSystem) Hears() bool                                              { return true }
func (noSystem) Stats() actors.Stats                                      { return actors.Stats{} }

// server is one of a Nextcloud.
type server struct {
	*fleet.Fleet
	lines *observer.ObservedLogs
	stop  func()
}

// serve starts a server of a Nextcloud, whose id and secret are the same text here.
func serve(t *testing.T, bus *bus, node, instance string, prefixes ...string) server {
	t.Helper()
	core, lines := observer.New(zap.WarnLevel)
	f, err := fleet.New(bus, optionsOf(node, instance, zap.New(core), prefixes))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { f.Run(ctx, noSystem{}) })
	stop := sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(stop)
	return server{f, lines, stop}
}

func optionsOf(node, instance string, log *zap.Logger, prefixes []string) fleet.Options {
	options := fleet.Options{Key: []byte("secret of " + instance), Instance: instance, Node: node, Logger: log}
	if prefixes != nil {
		options.Prefixes = func() []string { return prefixes }
	}
	return options
}

func (s server) foreign() (instances []string) {
	for _, f := range s.Foreign() {
		instances = append(instances, f.Instance)
	}
	return instances
}

const sharedLine = "another Nextcloud uses the same channels of redis: events and logins are exchanged"

// Two Nextclouds whose apps publish on the same channels know it from the first event on, and say so once an hour, until
// one is gone. Until there is an event, nothing is wrong.
func TestForeignNextcloud(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := newBus()
		a := serve(t, bus, "a1", "oca")
		synctest.Wait()
		b := serve(t, bus, "b1", "ocb")
		time.Sleep(time.Hour)
		require.Empty(t, a.lines.All())
		require.Empty(t, b.lines.All())
		require.Empty(t, a.foreign())

		for range 100 {
			a.EventsHeard("")
			b.EventsHeard("")
		}
		synctest.Wait()
		require.Equal(t, []string{"ocb"}, a.foreign())
		require.Equal(t, []string{"oca"}, b.foreign())
		for _, s := range []server{a, b} {
			require.Equal(t, 1, s.lines.Len())
			require.Equal(t, sharedLine, s.lines.All()[0].Message)
			require.Contains(t, s.lines.All()[0].ContextMap()["advice"], "notify_push_redis")
		}
		time.Sleep(5*time.Hour + time.Minute)
		require.Equal(t, []string{"ocb"}, a.foreign())
		require.Equal(t, 6, a.lines.FilterMessage(sharedLine).Len(), "once an hour")
		require.Equal(t, a.lines.Len(), a.lines.FilterMessage(sharedLine).Len())

		b.stop()
		time.Sleep(time.Hour)
		require.Empty(t, a.foreign())
		logged := a.lines.Len()
		time.Sleep(2 * time.Hour)
		require.LessOrEqual(t, a.lines.Len(), logged+1, "what was held back")
	})
}

// Nothing is wrong with several servers of one Nextcloud, nor with Nextclouds whose apps put their dbindex before the
// channels.
func TestNoForeignNextcloud(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := newBus()
		servers := []server{
			serve(t, bus, "a1", "oca", "", "1_"), serve(t, bus, "a2", "oca", "", "1_"), serve(t, bus, "a3", "oca", "", "1_"),
			serve(t, bus, "b1", "ocb", "", "2_"),
		}
		time.Sleep(time.Minute)
		for i, s := range servers {
			s.EventsHeard([]string{"1_", "1_", "1_", "2_"}[i])
		}
		time.Sleep(20 * time.Minute)
		for _, s := range servers {
			require.Empty(t, s.foreign())
			require.Empty(t, s.lines.All())
		}
		servers[3].EventsHeard("") // an update of an app has taken the change away
		synctest.Wait()
		require.Equal(t, []string{"oca"}, servers[3].foreign())
	})
}

// Of a hundred Nextclouds at one Redis, a few say who they are to one that starts.
func TestFewAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := newBus()
		for i := range 100 {
			serve(t, bus, fmt.Sprint(i), fmt.Sprintf("oc%d", i))
		}
		time.Sleep(time.Minute)
		before := bus.count()
		last := serve(t, bus, "last", "oclast")
		time.Sleep(time.Minute)
		last.EventsHeard("")
		require.NotEmpty(t, last.foreign())
		require.InDelta(t, 2, bus.count()-before, 1, "its hello, and who answers")
		before = bus.count()
		time.Sleep(9 * time.Minute)
		require.Equal(t, before, bus.count(), "then there is silence")
	})
}

// Who can write to Redis can have a line logged, and nothing more.
func TestForgedForeignNextclouds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := newBus()
		s := serve(t, bus, "a1", "oca")
		s.EventsHeard("")
		before := bus.count()
		for i := range 10_000 {
			_, _ = bus.Publish(t.Context(), fleet.Channel, fmt.Appendf(nil, `{"instance":"oc%d","prefixes":[""],"asks":true}`+"\n", i))
			if i%100 == 0 {
				time.Sleep(10 * time.Millisecond)
			}
		}
		_, _ = bus.Publish(t.Context(), fleet.Channel, []byte(`{"instance":"`+strings.Repeat("x", 65)+`"}`+"\n"))
		synctest.Wait()
		require.Len(t, s.foreign(), 16)
		require.Equal(t, 1, s.lines.FilterMessage(sharedLine).Len())
		require.Less(t, bus.count()-before-10_001, 5, "answers")
	})
}

func TestAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := newBus()
		began := time.Now()
		ask := func() fleet.Answers {
			answers, err := fleet.Ask(t.Context(), bus, optionsOf("check", "oca", nil, nil))
			require.NoError(t, err)
			return answers
		}
		require.Equal(t, fleet.Answers{}, ask())
		require.Zero(t, time.Since(began), "nobody has to be waited for")

		a := serve(t, bus, "a1", "oca")
		serve(t, bus, "a2", "oca")
		time.Sleep(time.Minute)
		a.EventsHeard("3_")
		answers := ask()
		require.ElementsMatch(t, []string{"a1", "a2"}, answers.Nodes)
		require.Equal(t, []string{"3_"}, answers.Used)
		require.Empty(t, answers.Foreign)

		b := serve(t, bus, "b1", "ocb", "", "3_")
		time.Sleep(time.Minute)
		answers = ask()
		require.Len(t, answers.Foreign, 1)
		require.Len(t, fleet.Sharing(answers.Used, answers.Foreign), 1)
		b.stop()
		require.Empty(t, a.lines.FilterMessage("fleet: lost a node").All(), "who asks is no node")
		require.Len(t, a.Members(), 1)

		bus.setDown(true)
		_, err := fleet.Ask(t.Context(), bus, optionsOf("check", "oca", nil, nil))
		require.ErrorIs(t, err, errDown)
	})
}

func (b *bus) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.published)
}
