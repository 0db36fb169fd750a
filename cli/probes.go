package cli

import (
	"context"
	"time"

	"github.com/notifypush/notifypush/cli/doctor"
	"github.com/notifypush/notifypush/config"
)

// probe tries something with settings that can be used, and reports, one by one, how the steps went that it got to. Nothing stays changed anywhere.
type probe func(ctx context.Context, result *config.Result, report func(finding))

// finding is how one step went.
type finding struct {
	Name   string `json:"name"`
	Status status `json:"status"`
	Detail string `json:"detail"`           // what was seen
	Advice string `json:"advice,omitempty"` // what to do about it, in one sentence
}

type status = doctor.Status

const green, yellow, red = doctor.Green, doctor.Yellow, doctor.Red

// stepTimeout is how long anything that is tried may take.
const stepTimeout = 5 * time.Second

// instanceProbes concern one Nextcloud.
func (c *checkCommand) instanceProbes() []probe {
	return []probe{probeRedis, probeDatabase, probePaths, c.probeNextcloud, probeOrigins}
}

// processProbes concern the process, whose settings may name several Nextclouds.
var processProbes = []probe{probeOpenFiles, probeKernel, probeListeners}
