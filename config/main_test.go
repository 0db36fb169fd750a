package config

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// As a program that a Reader starts, this does what the argument says.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 {
		switch os.Args[1] {
		case "read":
			if err := ServeRead(context.Background(), os.Stdin, os.Stdout); err != nil {
				os.Exit(1)
			}
			os.Exit(0)
		case "describe":
			describe()
			os.Exit(0)
		case "hang":
			time.Sleep(time.Hour)
		case "flood":
			fmt.Print(strings.Repeat("x", 2*maxReply))
			os.Exit(0)
		}
	}
	goleak.VerifyTestMain(m)
}

// describe prints what rights this process has.
func describe() {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		for _, name := range []string{"Uid:", "Gid:", "Groups:", "NoNewPrivs:", "CapEff:", "CapPrm:", "CapAmb:"} {
			if strings.HasPrefix(line, name) {
				fmt.Println(strings.Join(strings.Fields(line), " "))
			}
		}
	}
	sid, _ := unix.Getsid(0)
	fmt.Println("leads a session:", sid == os.Getpid())
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, entry := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + entry.Name()); err == nil && strings.Contains(target, "inherited") {
			fmt.Println("open:", target)
		}
	}
	fmt.Println("variable:", os.Getenv("READER_TEST"))
}
