package actors

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// The last System that leaves waits for its own workers, and not for those of one that has begun meanwhile.
func TestWorkersOfTheNextSystem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, next := &System{}, &System{}
		var ws workers
		ws.join()
		goesOn, left := make(chan struct{}), make(chan struct{})
		ws.run(turn{first, func() { <-goesOn }})
		go func() {
			defer close(left)
			ws.leave()
		}()
		synctest.Wait()
		ws.join()
		ran := make(chan struct{})
		ws.run(turn{next, func() { close(ran) }})
		<-ran
		close(goesOn)
		synctest.Wait()
		select {
		case <-left:
		default:
			require.Fail(t, "it waits for the workers of the next one")
		}
		ws.leave()
	})
}
