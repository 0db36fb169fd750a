package loadtest

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/notifypush/notifypush/loadtest/internal/stand"
	"github.com/notifypush/notifypush/loadtest/internal/swarm"
	"github.com/notifypush/notifypush/loadtest/internal/wire"
)

// Scenario is a course of a load test: what stands around the server, and what is done to it, step by step.
type Scenario struct {
	Name  string `yaml:"name"`
	About string `yaml:"about"`
	// Clients is how many there are; 0 means 1,000.
	Clients int `yaml:"clients"`
	// Nodes is how many servers of one command stand side by side, with the same Redis, database and Nextcloud, as behind a balancer; 0 means 1.
	Nodes int `yaml:"nodes"`
	// PerUser is how many clients each user has; 0 means 1.
	PerUser int `yaml:"per_user"`
	// Login is "password" (so too when it is empty) or "token", for a pre-auth token.
	Login string `yaml:"login"`
	// FileIDs has the clients ask for the ids of changed files, as desktop clients do. Only so is the latency of file
	// events known; nil means true.
	FileIDs *bool `yaml:"file_ids"`
	// Debounce leaves the server's debounce on. It then merges events, so that pushes are not compared with events.
	Debounce bool `yaml:"debounce"`
	// Backoff is the first window in which a client that has lost its connection comes back; 0 means a second.
	Backoff time.Duration `yaml:"backoff"`
	// Nextcloud is how its stand-in behaves.
	Nextcloud Nextcloud `yaml:"nextcloud"`
	// Steps are what is done, one after the other.
	Steps []Step `yaml:"steps"`
}

// Nextcloud is how a stand-in Nextcloud behaves.
type Nextcloud struct {
	// Delay is what a request takes; Workers are how many are worked on at once, 0: any number.
	Delay   time.Duration `yaml:"delay"`
	Workers int           `yaml:"workers"`
	// Errors has each request answered 500.
	Errors bool `yaml:"errors"`
}

func (n *Nextcloud) run(_ context.Context, e *execution) { e.setNextcloud(*n) }

// Step is one of its fields.
type Step struct {
	Floor     *Floor     `yaml:"floor"`
	Handshake *Handshake `yaml:"handshake"`
	Connect   *Connect   `yaml:"connect"`
	Leave     *Leave     `yaml:"leave"`
	Idle      *Idle      `yaml:"idle"`
	Publish   *Publish   `yaml:"publish"`
	Cut       *Cut       `yaml:"cut"`
	Restart   *Restart   `yaml:"restart"`
	Churn     *Churn     `yaml:"churn"`
	Stall     *Stall     `yaml:"stall"`
	Resume    *Resume    `yaml:"resume"`
	Nextcloud *Nextcloud `yaml:"nextcloud"`
}

// action is what a step does. Its fields are the step's parameters, of which none may be negative.
type action interface {
	run(context.Context, *execution)
}

// action returns the one field that is set, and the step's title in reports: its name, or the action's.
func (s Step) action() (title string, a action, err error) {
	set := 0
	for fields, i := reflect.ValueOf(s), 0; i < fields.NumField(); i++ {
		if fields.Field(i).IsNil() {
			continue
		}
		set++
		title = fields.Type().Field(i).Tag.Get("yaml")
		a = fields.Field(i).Interface().(action)
		if err = checkParameters(fields.Field(i).Elem()); err == nil {
			if special, ok := a.(interface{ check() error }); ok {
				err = special.check()
			}
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", title, err)
		}
		if name := fields.Field(i).Elem().FieldByName("Name"); name.IsValid() {
			title = named(name.String(), title)
		}
	}
	if set != 1 {
		return "", nil, fmt.Errorf("%d actions instead of one", set)
	}
	return title, a, err
}

func checkParameters(parameters reflect.Value) error {
	for i := range parameters.NumField() {
		p := parameters.Field(i)
		if p.CanInt() && p.Int() < 0 || p.CanFloat() && p.Float() < 0 {
			return fmt.Errorf("negative %s", parameters.Type().Field(i).Tag.Get("yaml"))
		}
	}
	return nil
}

//go:embed scenarios/*.yaml
var files embed.FS

const folder = "scenarios/"

// Names are the scenarios that are built in.
func Names() []string {
	entries, err := files.ReadDir(strings.TrimSuffix(folder, "/"))
	if err != nil {
		panic(err) // they are embedded
	}
	var names []string
	for _, entry := range entries {
		names = append(names, strings.TrimSuffix(entry.Name(), ".yaml"))
	}
	return names
}

// Load returns the scenario of a name, or that of a file when name ends with .yaml.
func Load(name string) (Scenario, error) {
	var text []byte
	var err error
	switch {
	case strings.HasSuffix(name, ".yaml"):
		text, err = os.ReadFile(name)
	case slices.Contains(Names(), name):
		text, err = files.ReadFile(folder + name + ".yaml")
	default:
		err = fmt.Errorf("no scenario %q; there are %s, and files that end with .yaml", name, strings.Join(Names(), ", "))
	}
	if err != nil {
		return Scenario{}, err
	}
	scenario, err := Parse(text)
	if err != nil {
		return scenario, fmt.Errorf("scenario %s: %w", name, err)
	}
	return scenario, nil
}

// Parse reads a scenario in YAML, fills in the defaults and checks it.
func Parse(text []byte) (Scenario, error) {
	var s Scenario
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&s); err != nil {
		return s, fmt.Errorf("read the scenario: %w", err)
	}
	s.setDefaults()
	return s, s.check()
}

const defaultClients = 1000

func (s *Scenario) setDefaults() {
	if s.Clients == 0 {
		s.Clients = defaultClients
	}
	if s.Nodes == 0 {
		s.Nodes = 1
	}
	if s.PerUser == 0 {
		s.PerUser = 1
	}
	if s.Login == "" {
		s.Login = loginPassword
	}
	for _, step := range s.Steps {
		if length := step.length(); length != nil && *length == 0 {
			*length = time.Minute
		}
	}
	if s.FileIDs == nil {
		s.FileIDs = new(bool)
		*s.FileIDs = true
	}
}

const (
	loginPassword = "password"
	loginToken    = "token"
)

func (s *Scenario) check() error {
	switch {
	case s.Name == "":
		return errors.New("no name")
	case s.Clients < 1 || s.Clients > wire.MaxClients:
		return fmt.Errorf("clients: %d is not between 1 and %d", s.Clients, wire.MaxClients)
	case s.Nodes < 1 || s.Nodes > swarm.MaxEndpoints:
		return fmt.Errorf("nodes: %d is not between 1 and %d", s.Nodes, swarm.MaxEndpoints)
	case s.PerUser < 1:
		return fmt.Errorf("per_user: %d is not at least 1", s.PerUser)
	case s.Login != loginPassword && s.Login != loginToken:
		return fmt.Errorf("login: %q is neither %s nor %s", s.Login, loginPassword, loginToken)
	case s.Backoff < 0:
		return fmt.Errorf("backoff: %v is negative", s.Backoff)
	case len(s.Steps) == 0:
		return errors.New("no steps")
	}
	if err := checkParameters(reflect.ValueOf(s.Nextcloud)); err != nil {
		return fmt.Errorf("nextcloud: %w", err)
	}
	titles := map[string]bool{}
	for i, step := range s.Steps {
		title, _, err := step.action()
		switch {
		case err != nil:
			return fmt.Errorf("step %d: %w", i+1, err)
		case step.Restart != nil && step.Restart.Node > s.Nodes:
			return fmt.Errorf("step %d: %s: no node %d: there are %d", i+1, title, step.Restart.Node, s.Nodes)
		case titles[title]:
			return fmt.Errorf("step %d: second step with the name %q; give it another", i+1, title)
		}
		titles[title] = true
	}
	return nil
}

// SetDuration changes how long the longest step lasts, the first when several are as long. It
// reports whether there is one.
func (s *Scenario) SetDuration(length time.Duration) bool {
	var longest *time.Duration
	for _, step := range s.Steps {
		if own := step.length(); own != nil && (longest == nil || *own > *longest) {
			longest = own
		}
	}
	if longest == nil {
		return false
	}
	*longest = length
	return true
}

// length is how long a step lasts, nil when that is up to the server.
func (s Step) length() *time.Duration {
	switch {
	case s.Idle != nil:
		return &s.Idle.For
	case s.Churn != nil:
		return &s.Churn.For
	case s.Publish != nil && s.Publish.For > 0:
		return &s.Publish.For
	default:
		return nil
	}
}

// needsOwnServer reports whether it has what cannot be asked of somebody else's server: files of users that it does not know, a
// Nextcloud that behaves as the scenario says, or a restart.
func (s *Scenario) needsOwnServer() bool {
	return s.Nextcloud != (Nextcloud{}) || slices.ContainsFunc(s.Steps, func(step Step) bool {
		return step.Restart != nil || step.Nextcloud != nil || step.Publish != nil && slices.Contains(step.Publish.Kinds, File)
	})
}

// users is how many users the clients are of.
func (s *Scenario) users() int { return (s.Clients + s.PerUser - 1) / s.PerUser }

// idleUsers is how many users there must be besides, who never connect but have storages.
func (s *Scenario) idleUsers() (n int) {
	for _, step := range s.Steps {
		if step.Publish != nil && step.Publish.Storage == storageIdle {
			n = max(n, min(step.Publish.Events, stand.MaxIdle))
		}
	}
	return n
}
