package actors

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Connection is one connection of a user, as Connections lists it.
type Connection struct {
	ID        string // names it among all of this System, and is never used again
	User      string
	Tag       string // of its Identity
	Since     time.Time
	LastPush  time.Time // when the last push was written; zero before the first
	Address   string    // where its Socket has a method Address() string
	UserAgent string    // where its Socket has a method UserAgent() string
}

// ErrNoConnection is returned for the ID of a connection that has ended, or never was.
var ErrNoConnection = errors.New("there is no such connection")

// Users returns the users who have a connection, in no order.
func (s *System) Users(ctx context.Context) ([]string, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	answers := make(chan []string, shards)
	s.sendRegistries(&listUsers{answer: answers})
	var all []string
	for range shards {
		users, err := await(ctx, s, answers)
		if err != nil {
			return nil, err
		}
		all = append(all, users...)
	}
	return all, nil
}

// Connections returns the connections of a user, the oldest first.
func (s *System) Connections(ctx context.Context, user string) ([]Connection, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	if err := checkUserOrSession(user); err != nil {
		return nil, err
	}
	answer := make(chan []*actor.PID, 1)
	s.sendRegistryOf(user, &listConnections{user: user, answer: answer})
	pids, err := await(ctx, s, answer)
	list := make([]Connection, 0, len(pids))
	for _, pid := range pids {
		answer := make(chan Connection, 1)
		s.root.Send(pid, &describe{answer: answer})
		connection, err := await(ctx, s, answer)
		if err != nil {
			return nil, err
		}
		if connection.ID != "" { // else it has ended
			list = append(list, connection)
		}
	}
	return list, err
}

// Disconnect closes all connections of a user, after what is queued for them, and forgets what is
// remembered of the user's logins: the Verifier is asked about the next one.
func (s *System) Disconnect(user string) error {
	if err := s.usable(); err != nil {
		return err
	}
	if err := checkUserOrSession(user); err != nil {
		return err
	}
	s.sendAuth(&forgetLogins{user: user})
	s.sendRegistryOf(user, &disconnectUser{user: user})
	return nil
}

// DisconnectAll is Disconnect for everybody. The ends are spread over Options.DrainTimeout. A Reset event, which is
// `notify_signal reset` in Redis, closes the same connections, but who comes back is admitted and asked about within a minute.
func (s *System) DisconnectAll() error {
	if err := s.usable(); err != nil {
		return err
	}
	s.sendAuth(&forgetLogins{})
	s.closeAll()
	return nil
}

func (s *System) closeAll() {
	s.log.Info("closing all connections: reset requested")
	s.sendRegistries(&closeAll{reason: ResetRequested, within: s.spread(*s.options.Load().DrainTimeout)})
}

// ForgetLogins forgets what is remembered of a user's logins, or of all where user is empty: the Verifier is asked
// about the next ones. Connections stay.
func (s *System) ForgetLogins(user string) error {
	if err := s.usable(); err != nil {
		return err
	}
	s.sendAuth(&forgetLogins{user: user})
	return nil
}

// DisconnectConnection is Disconnect for one connection, and for the login that opened it.
func (s *System) DisconnectConnection(id string) error {
	return s.toConnection(id, &disconnect{})
}

// Send sends a text to every connection of a user, as a Custom event does, and returns how many they are. It
// waits while the system has enough to do already.
func (s *System) Send(ctx context.Context, user, text string) (connections int, err error) {
	if err := checkUserOrSession(user); err != nil {
		return 0, err
	}
	push, err := s.enterPush(ctx, text)
	if err != nil {
		return 0, err
	}
	answer := make(chan int, 1)
	s.sendRegistryOf(user, &sendUser{user: user, push: push, answer: answer})
	return await(ctx, s, answer)
}

// SendTo sends a text to one connection.
func (s *System) SendTo(id, text string) error {
	if err := checkText("text", text); err != nil {
		return err
	}
	return s.toConnection(id, customPush(text))
}

// Broadcast sends a text to every connection. It waits while the system has enough to do already.
func (s *System) Broadcast(ctx context.Context, text string) error {
	for _, registry := range s.registries {
		push, err := s.enterPush(ctx, text)
		if err != nil {
			return err
		}
		s.root.Send(registry, &pushAll{push: push})
	}
	return nil
}

// Ready waits until events are heard, at once if there is no EventSource. It returns nil then, and why not
// when ctx ends before.
func (s *System) Ready(ctx context.Context) error {
	select {
	case <-s.heard:
		return s.usable()
	case <-s.ctx.Done():
		return ErrShutDown
	case <-ctx.Done():
		return fmt.Errorf("%w; problems: %v", context.Cause(ctx), s.Problems())
	}
}

// enterPush makes a push of a text, and waits until there is room for it.
func (s *System) enterPush(ctx context.Context, text string) (*push, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	if err := checkText("text", text); err != nil {
		return nil, err
	}
	push := s.hooks.stamp(customPush(text), s.hooks.eventTime())
	return push, s.inFlight.acquire(ctx, len(push.frame))
}

// toConnection sends a message to a connection.
func (s *System) toConnection(id string, message any) error {
	if err := s.usable(); err != nil {
		return err
	}
	pid := s.runtime.NewLocalPID(s.top.Id + "/" + id)
	if _, there := s.runtime.ProcessRegistry.GetLocal(pid.Id); !there || strings.Count(id, "/") != 2 {
		return ErrNoConnection
	}
	s.root.Send(pid, message)
	return nil
}

// connectionID is the ID of a connection actor: its path below our top.
func (s *System) connectionID(pid *actor.PID) string { return strings.TrimPrefix(pid.Id, s.top.Id+"/") }

// await waits for an answer of an actor.
func await[T any](ctx context.Context, s *System, answer <-chan T) (value T, err error) {
	select {
	case value = <-answer:
		return value, nil
	case <-ctx.Done():
		return value, ctx.Err()
	case <-s.ctx.Done():
		return value, ErrShutDown
	}
}
