package cli

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	isReader := len(os.Args) == 2 && os.Args[1] == "read-config" // see read_config.go
	if os.Getenv("NOTIFY_PUSH_TEST_AS_PROGRAM") != "" || isReader {
		os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(m)
}

// asProgram, in the environment, makes the test's own binary notify_push: so a test can start a process of it.
const asProgram = "NOTIFY_PUSH_TEST_AS_PROGRAM=1"
