package actors_test

import (
	"context"
	"fmt"

	"github.com/notifypush/notifypush/actors"
)

// client is a Socket that hands on what it is sent. A real one also reads, and tells the
// actors.Client that it gets in Serve.
type client chan []byte

func (c client) Serve(actors.Client)               { /* nobody speaks here */ }
func (c client) Resume()                           {}
func (c client) Write(frames []byte) (bool, error) { c <- frames; return false, nil }
func (c client) Close(code int, text string)       { close(c) }
func (c client) text() string                      { return string((<-c)[2:]) } // behind the frame's header

// A program says who its clients are, and sends to them. Here the client is one of the program itself; package
// transport serves those that come by websocket.
func Example() {
	ctx := context.Background()
	verifier := actors.VerifierFunc(func(_ context.Context, c actors.Credentials) (actors.Identity, error) {
		if c.Password.Reveal() != "secret" {
			return actors.Identity{}, actors.ErrInvalidCredentials
		}
		return actors.Identity{User: c.Login}, nil
	})
	system, err := actors.New(actors.Ports{Verifier: verifier}, actors.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	system.Start()
	defer func() { _ = system.Shutdown(ctx) }()

	login, err := system.Authenticate(ctx, actors.Credentials{Login: "alice", Password: "secret"})
	if err != nil {
		fmt.Println(err)
		return
	}
	alice := make(client, 10)
	if err := system.Attach(login, alice); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(alice.text())
	connections, err := system.Send(ctx, "alice", "hello")
	fmt.Println(connections, err, alice.text())
	// Output:
	// authenticated
	// 1 <nil> hello
}

// Hundreds of systems, as of tenants, are cheap when they share an actor system. Each is shut down by itself.
func ExampleNewActorSystem() {
	ctx := context.Background()
	shared := actors.NewActorSystem(nil)
	defer shared.Shutdown()
	anybody := actors.VerifierFunc(func(_ context.Context, c actors.Credentials) (actors.Identity, error) {
		return actors.Identity{User: c.Login}, nil
	})
	for _, tenant := range []string{"first", "second"} {
		system, err := actors.New(actors.Ports{Verifier: anybody}, actors.Options{ActorSystem: shared})
		if err != nil {
			fmt.Println(err)
			return
		}
		system.Start()
		defer func() { _ = system.Shutdown(ctx) }()
		connections, err := system.Send(ctx, "alice", "hello")
		fmt.Println(tenant, connections, err)
	}
	// Output:
	// first 0 <nil>
	// second 0 <nil>
}
