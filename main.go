// Command notify_push is a push server for Nextcloud: it takes the place of the daemon that the notify_push app ships.
package main

import (
	"os"

	"github.com/notifypush/notifypush/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
