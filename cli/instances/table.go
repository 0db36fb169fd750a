package instances

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Claim says by which names clients call an instance. They have the form of Nextcloud's trusted_domains: a host, with a port to mean that one
// alone, and * for any letters, digits, dots and hyphens.
type Claim struct {
	Instance string
	// Given are the operator's. They count before all that are Derived, from config.php, in which an admin could claim
	// the name of another instance.
	Given, Derived []string
	// Unknown says that its names could not be found out. As long as it is so for one of the instances, wildcards of config.php lead nowhere:
	// the names that they fit may be that one's.
	Unknown bool
}

// What config.php of one instance says must not make requests of all slow: of its names so many count, of these so many with wildcards, and each
// with so many *. No host is longer than maxHost bytes, with its port.
const maxDerived, maxWildcards, maxStars, maxHost = 1000, 20, 4, 260

// Table says which instance a request means. It does not change, and is safe for concurrent use.
type Table struct {
	names  map[string]bool
	levels [4]level // the operator's names and wildcards, then those of config.php
	listed func() (hosts map[string][]string, conflicts []Conflict)
}

// derived is the level of the names in config.php.
const derived = 2

// level are the names of which none counts before another.
type level struct {
	exact    map[string][]string // instances by host
	patterns []pattern
}

type pattern struct {
	text, instance string
	end            string // what is behind the last *
	isDomain       bool
	expression     *regexp.Regexp
}

// fits reports whether a host is so called, without its port or with it.
func (p pattern) fits(name, host string) bool {
	return strings.HasSuffix(name, p.end) && p.expression.MatchString(name) || strings.HasSuffix(host, p.end) && p.expression.MatchString(host)
}

// isDomain reports whether a host with wildcards stands for the subdomains of one domain, as *.alice.example does.
func isDomain(host string) bool {
	domain, isPrefix := strings.CutPrefix(host, "*.")
	return isPrefix && strings.Contains(domain, ".") && !strings.Contains(domain, "*")
}

// NewTable returns the table of these instances.
func NewTable(claims []Claim) *Table {
	t := &Table{names: map[string]bool{}}
	isUnknown := slices.ContainsFunc(claims, func(c Claim) bool { return c.Unknown })
	for i := range t.levels {
		t.levels[i].exact = map[string][]string{}
	}
	for _, claim := range claims {
		t.names[claim.Instance] = true
		for _, host := range claim.Given {
			t.add(0, host, claim.Instance)
		}
		wildcards := 0
		for _, host := range claim.Derived[:min(len(claim.Derived), maxDerived)] {
			isWildcard := strings.Contains(host, "*")
			if isWildcard {
				wildcards++
			}
			isWide := strings.Trim(host, "*.:") == "" // it would take what is nobody's
			isCostly := len(host) > maxHost || isWildcard && (wildcards > maxWildcards || strings.Count(host, "*") > maxStars)
			if !isWide && !isCostly && !(isWildcard && isUnknown) {
				t.add(derived, host, claim.Instance)
			}
		}
	}
	t.listed = sync.OnceValues(t.list)
	return t
}

// add adds a name to a level, and one with wildcards to the level below it.
func (t *Table) add(at int, host, instance string) {
	host = normal(host)
	if !strings.Contains(host, "*") {
		t.levels[at].exact[host] = addNew(t.levels[at].exact[host], instance)
		return
	}
	parts := strings.Split(host, "*")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	// What is no UTF-8 cannot be compiled, and is the name of no host.
	if expression, err := regexp.Compile("^" + strings.Join(parts, `[-.a-z0-9]*`) + "$"); err == nil {
		l := &t.levels[at+1]
		l.patterns = append(l.patterns, pattern{host, instance, host[strings.LastIndexByte(host, '*')+1:], isDomain(host), expression})
	}
}

// normal writes a host as it is compared: in small letters, without the dot that may end a full name.
func normal(host string) string {
	host = strings.ToLower(host)
	name, port := cutPort(host)
	return strings.TrimSuffix(name, ".") + port
}

// cutPort cuts a host before the colon of its port.
func cutPort(host string) (name, port string) {
	if colon := strings.LastIndexByte(host, ':'); colon >= 0 && !strings.HasSuffix(host, "]") && strings.Trim(host[colon+1:], "0123456789") == "" {
		return host[:colon], host[colon:]
	}
	return host, ""
}

// claimants are the instances that are called so, of the first level that has any.
func (t *Table) claimants(host string) []string {
	if len(host) > maxHost {
		return nil
	}
	host = normal(host)
	name, _ := cutPort(host)
	if name == "" {
		return nil
	}
	for i := range t.levels {
		found := t.levels[i].claimants(name, host)
		if i == derived && len(found) > 0 { // one config.php may not take a host of another's domain
			for _, p := range t.levels[derived+1].patterns {
				if p.isDomain && p.fits(name, host) {
					found = addNew(found, p.instance)
				}
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

func (l *level) claimants(name, host string) []string {
	found := slices.Clone(l.exact[name])
	if host != name {
		found = addNew(found, l.exact[host]...)
	}
	for _, isDomain := range []bool{true, false} { // *.alice.example before *a*
		for _, p := range l.patterns {
			if p.isDomain == isDomain && p.fits(name, host) {
				found = addNew(found, p.instance)
			}
		}
		if len(found) > 0 {
			break
		}
	}
	return found
}

// addNew appends the instances that are not among those that are found.
func addNew(found []string, instances ...string) []string {
	for _, instance := range instances {
		if !slices.Contains(found, instance) {
			found = append(found, instance)
		}
	}
	return found
}

// MisdirectedError is why no instance serves a request, in words for the client.
type MisdirectedError struct{ text string }

func (e *MisdirectedError) Error() string { return e.text }

// NotHere begins what a client is told who calls a host of nobody's.
const NotHere = "no instance here is called"

// Find returns the name of the instance that a request means, or a MisdirectedError. A path that names one, as /push/NAME/ws or /NAME/ws, decides
// where the host is nobody's, or several instances'. Where the host is another's, the request is nobody's.
func (t *Table) Find(host, path string) (instance string, err error) {
	claimants := t.claimants(host)
	named := t.named(path)
	switch {
	case named != "" && (len(claimants) == 0 || slices.Contains(claimants, named)):
		return named, nil
	case named != "":
		return "", &MisdirectedError{fmt.Sprintf("the path is that of the instance %s, and the host %s is another's", named, host)}
	case len(claimants) == 1:
		return claimants[0], nil
	case len(claimants) > 1:
		return "", &MisdirectedError{fmt.Sprintf("several instances are called %s; name one in the path, as in /push/NAME/ws", host)}
	case host == "":
		return "", &MisdirectedError{"no host is named; the reverse proxy must pass Host on, or name the instance in the path, as in /push/NAME/ws"}
	default:
		return "", &MisdirectedError{fmt.Sprintf(NotHere+" %s, and the path names none; the reverse proxy must pass Host on as it is, or name the instance in the path, as in /push/NAME/ws", host)}
	}
}

// named returns the instance that a path names; "" for none. Behind the name is what is served, so that a folder of Nextcloud's own,
// as in /nextcloud/push/ws, is no name.
func (t *Table) named(path string) string {
	segments := strings.FieldsFunc(path, func(c rune) bool { return c == '/' })
	if len(segments) > 2 && segments[0] == "push" {
		segments = segments[1:]
	}
	if len(segments) < 2 || !slices.Contains(served, segments[1]) || !t.names[segments[0]] {
		return ""
	}
	return segments[0]
}

// Conflict is a name that several instances have a right to: the path has to say which.
type Conflict struct {
	Host      string
	Instances []string
}

func (c Conflict) String() string {
	return fmt.Sprintf("%s is claimed by the instances %s: only clients are served that name one in the path, as in /push/NAME/ws", c.Host, strings.Join(c.Instances, ", "))
}

// Conflicts are the names that several instances claim, and none of them by a better right, in order.
func (t *Table) Conflicts() []Conflict {
	_, conflicts := t.listed()
	return conflicts
}

// Hosts are the names that lead to an instance and to no other, in order.
func (t *Table) Hosts(instance string) []string {
	hosts, _ := t.listed()
	return hosts[instance]
}

func (t *Table) list() (hosts map[string][]string, conflicts []Conflict) {
	fitting := map[string]string{} // a host by each name that is claimed
	for _, l := range t.levels {
		for host := range l.exact {
			fitting[host] = host
		}
		for _, p := range l.patterns {
			fitting[p.text] = strings.ReplaceAll(p.text, "*", "any-other") // which is nobody's otherwise
		}
	}
	hosts = map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(fitting)) {
		switch claimants := t.claimants(fitting[name]); len(claimants) {
		case 0:
		case 1:
			hosts[claimants[0]] = append(hosts[claimants[0]], name)
		default:
			slices.Sort(claimants)
			conflicts = append(conflicts, Conflict{name, claimants})
		}
	}
	return hosts, conflicts
}
