package cli

import (
	"fmt"
	"os"

	"github.com/notifypush/notifypush/cli/instances"
	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/internal/paths"
)

// instanceReport is what check says of one instance.
type instanceReport struct {
	tried
	Hosts []string `json:"hosts"` // by which clients call it and no other
}

// checkInstances is Run where the settings name a folder of instances: first the process, then each of them.
func (c *checkCommand) checkInstances(p *process, result *config.Result) error {
	report := checkReport{tried: c.newTried(result), User: paths.ProcessUser(), Instances: map[string]*instanceReport{}}
	if !c.JSON {
		printSettings(p.stdout, report.withoutDefaults())
		printRemarks(p.stdout, report.Report)
		fmt.Fprintf(p.stdout, "\n%s\n", c.asWhom(os.Geteuid()))
	}
	if len(report.Errors) > 0 {
		return c.finish(p, report)
	}
	found, err := instances.Scan(p.ctx, result.Settings.Hosting.Folder)
	if err != nil {
		report.Errors = append(report.Errors, err.Error())
		return c.finish(p, report)
	}
	loaded := map[string]*config.Result{}
	var claims []instances.Claim
	for _, f := range found {
		one := reader.LoadInstance(p.ctx, f.InstanceFiles, result)
		loaded[f.Name] = one
		claim := instances.Claim{Instance: f.Name, Given: one.Settings.Hosting.Hosts, Derived: one.Settings.Instance.Hosts}
		claim.Unknown = one.Err() != nil && len(claim.Given)+len(claim.Derived) == 0
		claims = append(claims, claim)
	}
	table := instances.NewTable(claims)
	if !c.Offline {
		report.Probes = c.probe(p, result, processProbes...)
	}
	report.Probes = append(report.Probes, c.probe(p, result, probeHosts(table))...)
	for _, f := range found {
		report.Instances[f.Name] = c.checkInstance(p, f.Name, loaded[f.Name], table.Hosts(f.Name))
	}
	return c.finish(p, report)
}

func (c *checkCommand) checkInstance(p *process, name string, loaded *config.Result, hosts []string) *instanceReport {
	one := &instanceReport{c.newTried(loaded), hosts}
	if err := instances.CheckName(name); err != nil {
		one.Errors = append(one.Errors, err.Error())
	}
	if !c.JSON {
		fmt.Fprintf(p.stdout, "\nInstance %s:\n", onOneLine(name))
		printSettings(p.stdout, one.withoutDefaults())
		printRemarks(p.stdout, one.Report)
	}
	if len(one.Errors) == 0 {
		one.Probes = c.probe(p, loaded, probeHostsOf(name, hosts))
	}
	if !c.Offline && loaded.Err() == nil {
		one.Probes = append(one.Probes, c.probe(p, loaded, c.instanceProbes()...)...)
	}
	return one
}
