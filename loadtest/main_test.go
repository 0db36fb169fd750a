package loadtest

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain also is the helper processes of the harness, the push server that it tests, and a balancer.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case "helper":
			exit(Help(os.Args[2]))
		case "server":
			exit(serveFake(os.Args[2]))
		case "balancer":
			exit(serveBalancer(os.Args[2]))
		}
	}
	if os.Getenv("GORACE") == "" { // with the race detector each process of ours would end a second late
		_ = os.Setenv("GORACE", "atexit_sleep_ms=200")
	}
	goleak.VerifyTestMain(m)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
