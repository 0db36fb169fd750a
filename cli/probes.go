package cli

import (
	"context"
	"time"

	"github.com/notifypush/notifypush/config"
)

// probe tries something and reports, one by one, how the steps went that it got to. Nothing stays changed anywhere.
type probe func(ctx context.Context, report func(finding))

// finding is how one step went.
type finding struct {
	Name   string `json:"name"`
	Status status `json:"status"`
	Detail string `json:"detail"`           // what was seen
	Advice string `json:"advice,omitempty"` // what to do about it, in one sentence
}

type status string

// Green is fine, yellow works but deserves a look, red does not work.
const (
	green  status = "green"
	yellow status = "yellow"
	red    status = "red"
)

// stepTimeout is how long anything that is tried may take.
const stepTimeout = 5 * time.Second

// probes are what check tries with settings that can be used.
func probes(result *config.Result, mayAsk bool) []probe {
	return append(instanceProbes(result, mayAsk), processProbes(result)...)
}

// instanceProbes are those that concern one Nextcloud, and processProbes those of the process, whose settings may name several.
func instanceProbes(result *config.Result, mayAsk bool) []probe {
	return []probe{
		probeRedis(result),
		probeDatabase(result),
		probePaths(result.Settings),
		probeNextcloud(result.Settings, mayAsk),
		probeOrigins(result),
	}
}

func processProbes(result *config.Result) []probe {
	return []probe{
		probeOpenFiles(result.Settings),
		probeKernel(result.Settings),
		probeListeners(result.Settings),
	}
}
