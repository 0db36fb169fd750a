package test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const sharedLine = "another Nextcloud uses the same channels of redis"

// neighbour is another Nextcloud that uses the same Redis server.
func (s *site) neighbour() *site {
	s.t.Helper()
	other := newSite(s.t)
	other.redis = s.redis
	return other
}

// configOf is one whose Nextcloud has an id and a secret of its own, and that database of Redis.
func (s *site) configOf(instance string, database int) string {
	return s.writeConfig(fmt.Sprintf("'instanceid' => '%s', 'secret' => 'secret of %[1]s', 'redis' => array ('host' => '127.0.0.1', 'port' => %d, 'dbindex' => %d),",
		instance, s.redis.Port, database))
}

// check returns what check finds about other Nextclouds and channels, a line each.
func (s *site) check(config string, variables ...string) (found string) {
	s.t.Helper()
	command := append(serverCommand(s.t), "check", config)
	cmd := exec.CommandContext(s.t.Context(), command[0], command[1:]...)
	cmd.Env = append([]string{"BIND=127.0.0.1"}, variables...)
	output, _ := cmd.CombinedOutput()
	for line := range strings.Lines(string(output)) {
		if strings.Contains(line, "other Nextclouds:") || strings.Contains(line, "Redis channels:") {
			found += line
		}
	}
	return found
}

// TestNextcloudsThatShareRedis has two Nextclouds at one Redis server, with databases of their own, which do not separate channels.
func TestNextcloudsThatShareRedis(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	neighbour := s.neighbour()
	config, theirConfig := s.configOf("ocfirst", 1), neighbour.configOf("ocsecond", 2)
	ours, theirs := s.start(config), neighbour.start(theirConfig)
	for _, p := range []*pushServer{ours, theirs} {
		p.awaitServing()
	}
	ours.await("it may be that both hear the same", func() bool { return strings.HasPrefix(s.check(config), "yellow  other Nextclouds: ") })
	require.NotContains(t, ours.output.String(), sharedLine, "there was no event yet")
	require.Zero(t, ours.metric("notify_push_foreign_nextcloud"))

	for range 20 {
		require.Equal(t, 2, s.publish("notify_activity", `{"user":"alice"}`))
	}
	for p, id := range map[*pushServer]string{ours: "ocsecond", theirs: "ocfirst"} {
		p.awaitLog(sharedLine)
		p.awaitMetric("notify_push_foreign_nextcloud", 1)
		text, status := p.ask("status")
		require.Zero(t, status, "it is ready")
		require.Contains(t, text, "instanceid "+id)
		require.Contains(t, text, "notify_push_redis")
	}
	time.Sleep(500 * time.Millisecond)
	for _, p := range []*pushServer{ours, theirs} {
		require.Equal(t, 1, strings.Count(p.output.String(), sharedLine))
		p.requireNoSecrets("secret of ocfirst", "secret of ocsecond")
	}
	found := s.check(config)
	require.Contains(t, found, "red     other Nextclouds: ")
	require.Contains(t, found, "instanceid ocsecond")
	require.Contains(t, neighbour.check(theirConfig), "instanceid ocfirst")
}

// TestServersOfOneNextcloudAreNotForeign has nothing to warn of: three servers of one Nextcloud, events of users who are not
// connected, and of storages that are new.
func TestServersOfOneNextcloudAreNotForeign(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	config := s.configOf("ocfirst", 1)
	var nodes []*pushServer
	for range 3 {
		p := s.start(config)
		p.awaitServing()
		nodes = append(nodes, p)
	}
	for i := range uint64(500) {
		s.publishAtOnce(eventFor("notify_notification", fmt.Sprint("user", i)), fileEvent(i, "files/a", i))
	}
	for _, p := range nodes {
		p.awaitMetric("notify_push_events_total", 1000)
		require.Zero(t, p.metric("notify_push_foreign_nextcloud"))
		require.NotContains(t, p.output.String(), sharedLine)
	}
	require.Contains(t, s.check(config), "green   other Nextclouds: none")
	nodes[0].terminate()
	require.Contains(t, s.check(config), "green   other Nextclouds: none")

	s.serve("--no-fleet") // as the app's own daemon hears events
	require.Contains(t, s.check(config), "yellow  other Nextclouds: 1 more")
}

// TestPatchedApps has two Nextclouds at one Redis server whose apps put the database's index before the names of channels.
func TestPatchedApps(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	neighbour := s.neighbour()
	s.redis.Do("", "ACL", "SETUSER", "first", "on", ">sesame", "resetchannels", "&3_notify_*", "~test-token", "~notify_push_*", "+subscribe", "+publish", "+ping", "+select", "+get", "+set", "+del")
	for name, test := range map[string]struct {
		config string
		words  []string
	}{
		"as it comes": {s.configOf("ocfirst", 3), nil},
		"configured":  {s.configOf("ocfirst", 3), []string{"REDIS_CHANNEL_PREFIX=3_"}},
		"with an ACL": {s.writeConfig(fmt.Sprintf("'instanceid' => 'ocfirst', 'secret' => 'secret of ocfirst', "+
			"'redis' => array ('host' => '127.0.0.1', 'port' => %d, 'dbindex' => 3, 'user' => 'first', 'password' => 'sesame'),", s.redis.Port)), nil},
	} {
		theirs := neighbour.start(neighbour.configOf("ocsecond", 0), "DEBOUNCE_DISABLE=1")
		theirs.awaitServing()
		var nodes []*pushServer
		for range 2 {
			p := s.start(append([]string{test.config, "DEBOUNCE_DISABLE=1", "LOG=info"}, test.words...)...)
			p.awaitServing()
			nodes = append(nodes, p)
		}
		for _, p := range nodes {
			p.await(name+": it knows the other one", func() bool { return strings.Count(p.output.String(), "fleet: a node joined") == 1 })
		}
		alice, theirAlice := nodes[0].login("alice"), theirs.login("alice")
		require.Equal(t, 2, s.publish("3_notify_notification", `{"user":"alice"}`), name)
		require.Equal(t, 1, s.publish("0_notify_activity", `{"user":"alice"}`), name)
		alice.expect("notify_notification")
		theirAlice.expect("notify_activity")
		for _, p := range append(nodes, theirs) {
			p.awaitMetric("notify_push_events_total", 1)
			require.NotContains(t, p.output.String(), sharedLine, name)
			require.Zero(t, p.metric("notify_push_foreign_nextcloud"))
		}
		nodes[0].awaitLog("events come on channels with a prefix")
		found := s.check(test.config, test.words...)
		require.Contains(t, found, `green   Redis channels: events come on channels whose names begin with "3_"`, name)
		require.Contains(t, found, "green   other Nextclouds: ", name)
		for _, p := range append(nodes, theirs) {
			p.terminate()
		}
	}
}

// TestInstancesThatShareRedis has one process serve Nextclouds that use one Redis server: those on the same channels are told so, each
// in its own place, and the one with a prefix is not.
func TestInstancesThatShareRedis(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	s := newSite(t)
	first := ""
	for i, name := range []string{"first", "second", "third"} {
		lines := "CONFIG_FILE=" + s.configOf("oc"+name, i) + "\nINSTANCE_HOSTS=" + hostOf(name)
		if name == "third" {
			lines += "\nREDIS_CHANNEL_PREFIX=2_"
		}
		if name == "first" {
			first = lines
		}
		h.writeFile(t, name+".env", lines)
	}
	h.pushServer = s.start("--instances", h.folder, "BIND=127.0.0.1")
	h.awaitAnswer("tcp", h.address())
	for _, name := range []string{"first", "second", "third"} {
		h.awaitHearing(name)
	}
	s.publish("notify_activity", `{"user":"alice"}`)
	s.publish("2_notify_activity", `{"user":"alice"}`)
	for name, want := range map[string]float64{"first": 1, "second": 1, "third": 0} {
		h.awaitMetric(fmt.Sprintf(`notify_push_events_total{instance=%q}`, name), 1)
		h.awaitMetric(fmt.Sprintf(`notify_push_foreign_nextcloud{instance=%q}`, name), want)
	}
	require.Equal(t, 2, strings.Count(h.output.String(), sharedLine))

	// The way out counts without a restart.
	h.writeFile(t, "first.env", first+"\nREDIS_CHANNEL_PREFIX=9_")
	h.awaitMetric(`notify_push_foreign_nextcloud{instance="first"}`, 0)
	h.await("it hears the channels with the prefix", func() bool { return s.publish("9_notify_activity", `{"user":"alice"}`) == 1 })
	h.awaitMetric(`notify_push_events_total{instance="first"}`, 2)
	h.awaitMetric(`notify_push_foreign_nextcloud{instance="first"}`, 0)
}
