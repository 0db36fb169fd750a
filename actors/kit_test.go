package actors_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

// bubble runs a test on a started System, in a bubble where time is faked. change may be nil.
func bubble(t *testing.T, change func(*actors.Options), test func(*testing.T, *actorstest.Kit)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { pass(2 * time.Second) }) // the runtime's dead letter log has goroutines of one second
		kit := actorstest.Start(t, change)
		synctest.Wait()
		test(t, kit)
	})
}

// immediately is for tests that are not about the debounce.
func immediately(o *actors.Options) { o.NoDebounce = true }

// pushes returns the text messages after "authenticated", once nothing moves any more.
func pushes(socket *actorstest.Socket) []string {
	synctest.Wait()
	return socket.Texts()[1:]
}

// mount is a row of the mounts table.
func mount(storage uint64, user, root string) actors.Mount {
	return actors.Mount{Storage: storage, User: user, Root: root}
}

// pass lets time go by.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
