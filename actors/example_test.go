package actors_test

import (
	"context"
	"fmt"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

// client is a Socket that hands on what it is sent. A real one also reads, and tells the
// actors.Client that it gets in Serve.
type client chan []byte

func (c client) Serve(actors.Client)               { /* nobody speaks here */ }
func (c client) Resume()                           {}
func (c client) Write(frames []byte) (bool, error) { c <- frames; return false, nil }
func (c client) Close(code int, text string)       { close(c) }
func (c client) text() string                      { return string((<-c)[2:]) } // behind the frame's header

// A program brings its own ports, logs a client in, and publishes an event. Here the ports are fakes,
// and the client is one of the program itself.
func Example() {
	ctx := context.Background()
	system, err := actors.New(actors.Ports{
		Events:   actorstest.NewEvents(),
		Mounts:   &actorstest.Mounts{},
		Verifier: &actorstest.Verifier{},
		Control:  &actorstest.Control{},
	}, actors.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	system.Start()
	defer system.Shutdown(ctx)

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
	if err := system.Publish(ctx, actors.Custom{User: "alice", Text: "hello"}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(alice.text())
	// Output:
	// authenticated
	// hello
}
