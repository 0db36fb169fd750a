package config

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/notifypush/notifypush/internal/files"
	"github.com/notifypush/notifypush/internal/setting"
)

// HostingOptions say which Nextclouds a process serves, where these are several.
type HostingOptions struct {
	Folder string    `flag:"instances" env:"INSTANCES" scope:"process" placeholder:"DIR" group:"Several Nextclouds" help:"Serve each Nextcloud that this folder has a file of: NAME.env with variables, or NAME.php, a link to its config.php or to the folder that holds it. What the process is given besides is the default of all."`
	Hosts  HostNames `flag:"instance-hosts" scope:"instance" env:"INSTANCE_HOSTS" reload:"true" placeholder:"HOST,..." group:"Several Nextclouds" help:"With --instances, in NAME.env: names by which clients call this instance, with * for any letters; they count before those that config.php of another claims."`
}

// HostNames are names of hosts, with * for any letters, digits, dots and hyphens.
type HostNames []string

// UnmarshalText reads a list with commas or spaces.
func (h *HostNames) UnmarshalText(text []byte) error {
	names := strings.FieldsFunc(string(text), func(r rune) bool { return r == ',' || r == ' ' })
	for _, name := range names {
		if strings.ContainsAny(name, "/?#@") {
			return fmt.Errorf("%q is not a host; write a name like cloud.example.com", name)
		}
	}
	*h = names
	return nil
}

// InstanceFiles are the files of one instance. One of the two may be empty.
type InstanceFiles struct {
	Variables string // a file of variables
	Config    string // config.php, the folder that holds it, or a link to either
}

// configFileVariable names config.php in a file of variables, as in the template unit of systemd.
const configFileVariable = "CONFIG_FILE"

// LoadInstance is Load for one instance of a process that serves several. Only the variables of its own file count, also for its config.php;
// where they say nothing, what the process was given does, but for what only an instance can have. process is what Load returned of the process.
func (r Reader) LoadInstance(ctx context.Context, from InstanceFiles, process *Result) *Result {
	l := newLoader(nil, environment{instance: map[string]string{}, label: filepath.Base(from.Variables)})
	l.process = process
	var unread error
	if from.Variables != "" {
		var variables map[string]string
		if variables, unread = readVariables(ctx, from.Variables); unread == nil {
			l.environment.instance = variables
		}
	}
	l.loadSimple() // without the file as well: what the process is given says how the log is written
	l.leaveIdleDatabase()
	if l.fail("config_file", unread); unread != nil {
		return l.result
	}
	configFile, isCopy, err := l.configFile(ctx, from)
	if l.fail("config_file", err); err != nil {
		return l.result
	}
	if isCopy { // what lies beside it is other instances'
		l.result.Settings.Reading.Glob = false
	}
	l.loadNextcloud(ctx, r, configFile)
	switch {
	case configFile == "":
	case from.Config != "":
		l.result.Sources["config_file"] = filepath.Base(from.Config)
	default:
		l.result.Sources["config_file"] = filepath.Base(from.Variables) + " " + configFileVariable
	}
	l.warnOfProcessSettings()
	return l.result
}

// configFile says where the instance's config.php is; "": it has none. isCopy says that it lies among the files of other instances.
func (l *loader) configFile(ctx context.Context, from InstanceFiles) (path string, isCopy bool, err error) {
	named := l.environment.instance[configFileVariable]
	switch {
	case from.Config == "":
		return named, false, nil
	case named != "":
		return "", false, fmt.Errorf("%s names a config.php in %s, and %s is another; remove one of the two", from.Variables, configFileVariable, from.Config)
	}
	// The link itself is the operator's. Those behind it count for who may change the configuration.
	target, err := os.Readlink(from.Config)
	isLink := err == nil
	if !isLink {
		target = from.Config
	} else if !filepath.IsAbs(target) {
		target = filepath.Dir(from.Config) + "/" + target
	}
	looking, cancel := files.Looking(ctx)
	defer cancel()
	info, err := files.Stat(looking, target)
	if err != nil || !info.IsDir() {
		return target, !isLink, nil // who reads it says what is wrong
	}
	for _, within := range []string{"config.php", "config/config.php"} {
		if _, err = files.Stat(looking, filepath.Join(target, within)); err == nil {
			return filepath.Join(target, within), false, nil
		}
	}
	return "", false, notYet(fmt.Errorf("%s leads to a folder in which config.php is not found: %w", from.Config, err))
}

// leaveIdleDatabase has an idle database not be asked unless somebody says so: that keeps a connection open, and the databases of hundreds are often
// at one server, which has 100 or 151 by default.
func (l *loader) leaveIdleDatabase() {
	const name = "database_ping"
	if l.result.Sources[name] == SourceDefault {
		l.result.Settings.Actors.MountsPing, l.result.values[name] = new(time.Duration), time.Duration(0)
	}
}

// warnOfProcessSettings names what does not count in an instance's file.
func (l *loader) warnOfProcessSettings() {
	for _, field := range l.fields {
		if _, source, found := l.environment.setting(field.Variable); found && field.Scope == setting.OfProcess {
			l.warn("%s does not count: all instances share what the process is given", source)
		}
	}
}

// checkHosting refuses what the process is given that only an instance can have: all would share a database, or send their users' passwords
// to the same Nextcloud.
func (l *loader) checkHosting(ctx context.Context, configFile string) {
	l.fail("instances", CheckInstanceFolder(ctx, l.result.Settings.Hosting.Folder))
	if configFile != "" {
		l.fail("config_file", errors.New("--instances serves the Nextclouds that its folder names, and config.php is that of one; link it into the folder as NAME.php"))
	}
	for _, field := range l.fields {
		if field.Scope != setting.OfInstance {
			continue
		}
		source := ""
		if l.given[field.Flag] != nil {
			source = "flag --" + field.Flag
		}
		for _, variable := range []string{field.Variable, field.Variable + "_FILE"} {
			if text, from := l.variable(variable); text != "" {
				source = from
			}
		}
		if source != "" {
			l.fail(field.Name(), fmt.Errorf("%s is one instance's; write %s=... into its NAME.env in %s", source, field.Variable, l.result.Settings.Hosting.Folder))
		}
	}
}

// CheckInstanceFolder returns why a folder of instances cannot be used: who may write to it may have logins sent elsewhere.
func CheckInstanceFolder(ctx context.Context, folder string) error {
	looking, cancel := files.Looking(ctx)
	defer cancel()
	info, err := files.Stat(looking, folder)
	switch {
	case err != nil:
		return notYet(fmt.Errorf("--instances: %w", err))
	case !info.IsDir():
		return fmt.Errorf("--instances: %s is not a folder", folder)
	}
	if err := errForeign(folder, info); err != nil {
		return fmt.Errorf("--instances: %s: %w", folder, err)
	}
	return nil
}

// hosts are the names by which browsers and apps call Nextcloud, each once. Those of every machine tell no instance from another.
func (n *nextcloudConfig) hosts(s Settings) []string {
	var found []string
	add := func(host string) {
		host = strings.ToLower(host)
		if host != "" && !slices.Contains(localNames, host) && !slices.Contains(found, host) {
			found = append(found, host)
		}
	}
	add(hostOf(n.optional("overwrite.cli.url")))
	add(hostOf(n.optional("overwritehost")))
	for _, domain := range s.Instance.TrustedDomains.Texts {
		add(domain)
	}
	if len(found) == 0 {
		add(hostOf(s.Nextcloud.BaseURL))
	}
	return found
}
