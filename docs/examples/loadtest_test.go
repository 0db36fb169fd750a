package examples

import (
	"context"
	"fmt"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/loadtest"
	"github.com/notifypush/notifypush/transport"
)

// A load test of the program's own server, with its own login and its own way to publish.
func Example_loadTest() {
	s := serve(actors.Ports{Verifier: bySecret}, actors.Options{NoDebounce: true, MaxConnectionsPerUser: 100}, transport.WebsocketOptions{})
	defer s.close()
	report, err := loadtest.Run(context.Background(), loadtest.Options{
		URL: s.address(),
		Login: func(_ int, user string) (loadtest.Login, error) {
			return loadtest.Login{Messages: []string{user, "secret"}}, nil
		},
		Publish: func(channel string, payload []byte) error {
			event, err := actors.DecodeEvent(channel, payload)
			if err != nil {
				return err
			}
			return s.Publish(context.Background(), event)
		},
		Scenarios: []loadtest.Scenario{{
			Name:    "hello",
			Clients: 20,
			Steps:   []loadtest.Step{{Connect: &loadtest.Connect{}}, {Publish: &loadtest.Publish{Events: 200}}},
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, figure := range []string{"delivered", "lost"} {
		value, _ := report.Results[0].Steps[1].Figure(figure)
		fmt.Println(figure, value)
	}
	// Output:
	// delivered 200
	// lost 0
}
