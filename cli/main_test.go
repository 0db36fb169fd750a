package cli

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	isReader := len(os.Args) == 2 && os.Args[1] == "read-config"    // see read_config.go
	if os.Getenv("NOTIFY_PUSH_TEST_AS_PROGRAM") != "" || isReader { // see demo_test.go
		os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(m)
}
