package test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/notifypush/notifypush/cli"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv("NOTIFY_PUSH_TEST_AS_PROGRAM") != "" { // see faults_secrets_test.go
		dumpHeapOnRequest()
		os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	var err error
	if builtFolder, err = os.MkdirTemp("", "notify_push"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if os.Getenv("GORACE") == "" { // with the race detector each process of ours would end a second late
		_ = os.Setenv("GORACE", "atexit_sleep_ms=200")
	}
	// The tests that run side by side mostly wait because the contract says how long things take.
	flag.Parse()
	_ = flag.Set("test.parallel", "16")
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		_ = os.RemoveAll(builtFolder)
		os.Exit(status)
	}))
}
