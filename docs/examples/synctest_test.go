package examples

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

// What takes a minute takes no time in a bubble of testing/synctest: here that the activities of a minute are few
// pushes, and that a client which does not answer pings is let go.
func TestInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kit := actorstest.Start(t, nil)
		alice := kit.Connect(t, "alice")
		for range 600 {
			if err := kit.System.Publish(t.Context(), actors.ActivityAdded{User: "alice"}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		if pushes := len(alice.Texts()); pushes < 10 || pushes > 120 {
			t.Errorf("%d pushes", pushes)
		}
		alice.Mute()
		time.Sleep(2 * time.Minute)
		if _, why, closed := alice.Closed(); !closed || why != "ping was not answered" {
			t.Errorf("closed is %v: %s", closed, why)
		}
	})
}
