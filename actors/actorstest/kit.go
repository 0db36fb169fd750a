package actorstest

import (
	"context"
	"testing"

	"github.com/notifypush/notifypush/actors"
)

// Kit is a System and the ports that it stands on.
type Kit struct {
	System   *actors.System
	Events   *Events
	Mounts   *Mounts
	Verifier *Verifier
	Control  *Control
}

// Start starts a System with the default options, changed by change where it isn't nil, and waits
// until it receives events: a client that connects before is sent a refresh then.
func Start(t testing.TB, change func(*actors.Options)) *Kit {
	t.Helper()
	kit := New(t, change)
	kit.System.Start()
	t.Cleanup(func() { _ = kit.System.Shutdown(context.Background()) })
	if err := kit.System.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return kit
}

// New is Start without the start: for a test that prepares the ports first, and itself calls Start
// and Shutdown.
func New(t testing.TB, change func(*actors.Options)) *Kit {
	t.Helper()
	var options actors.Options
	if change != nil {
		change(&options)
	}
	return NewWithHooks(t, nil, options)
}

// NewWithHooks is New with hooks and options; the test calls Start and Shutdown.
func NewWithHooks(t testing.TB, hooks *actors.Hooks, options actors.Options) *Kit {
	t.Helper()
	kit := &Kit{Events: NewEvents(), Mounts: &Mounts{}, Verifier: &Verifier{}, Control: &Control{}}
	ports := actors.Ports{Events: kit.Events, Mounts: kit.Mounts, Verifier: kit.Verifier, Control: kit.Control, Hooks: hooks}
	system, err := actors.New(ports, options)
	if err != nil {
		t.Fatal(err)
	}
	kit.System = system
	return kit
}

// Login logs a user in, with the password "secret".
func (k *Kit) Login(t testing.TB, user string) *actors.Login {
	t.Helper()
	login, err := k.System.Authenticate(t.Context(), actors.Credentials{Login: user, Password: "secret"})
	if err != nil {
		t.Fatalf("log %q in: %v", user, err)
	}
	return login
}

// Connect logs a user in and attaches a new Socket.
func (k *Kit) Connect(t testing.TB, user string) *Socket {
	t.Helper()
	socket := NewSocket()
	if err := k.System.Attach(k.Login(t, user), socket); err != nil {
		t.Fatalf("attach a socket of %q: %v", user, err)
	}
	return socket
}
