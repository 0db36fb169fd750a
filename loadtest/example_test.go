package loadtest_test

import (
	"context"
	"log"
	"os"

	"github.com/notifypush/notifypush/loadtest"
)

func Example() {
	if len(os.Args) > 2 && os.Args[1] == "helper" {
		if err := loadtest.Help(os.Args[2]); err != nil {
			log.Fatal(err)
		}
		return
	}
	self, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	report, err := loadtest.Run(context.Background(), loadtest.Options{
		Scenarios: []loadtest.Scenario{{
			Name:    "small",
			Clients: 100,
			Steps:   []loadtest.Step{{Connect: &loadtest.Connect{}}, {Publish: &loadtest.Publish{Events: 1000}}},
		}},
		Servers:       []loadtest.Server{{Command: `exec notify_push "$CONFIG_FILE"`}},
		HelperCommand: []string{self, "helper"},
	})
	for _, result := range report.Results {
		if err := result.WriteTable(os.Stdout); err != nil {
			log.Fatal(err)
		}
	}
	if err != nil {
		log.Fatal(err)
	}
}
