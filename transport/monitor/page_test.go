//go:build linux

package monitor

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/internal/testkit/browsertest"
	"github.com/notifypush/notifypush/storage/storagetest"
)

// browser is an operator with a browser that shows the status page of a server that has run for an hour.
type browser struct {
	browsertest.Page
	*statusKit
}

func open(t *testing.T, width, height int64, change func(*statusKit)) browser {
	shown := browsertest.Start(t, storagetest.Program(t, "chromium"))
	kit := newStatus(t, func(k *statusKit) {
		busyHour(k)
		if change != nil {
			change(k)
		}
	})
	b := browser{shown, kit}
	b.Do(chromedp.EmulateViewport(width, height), chromedp.Navigate(kit.url))
	b.See("the state", browsertest.Text("state")+" !== 'loading'")
	return b
}

// busyHour has clients, and an hour in which they came and were pushed to.
func busyHour(k *statusKit) {
	programs := []string{
		"Mozilla/5.0 (Linux) mirall/33.0.2 (Nextcloud, ubuntu-6.8 ClientArchitecture: x86_64 OsArchitecture: x86_64)",
		"Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
		"Mozilla/5.0 (Windows) mirall/32.1.0 (Nextcloud, windows-10.0.26100)",
	}
	now := time.Now()
	for i, user := range []string{"alice", "bob", "carol", "dave", "erin", "frank"} {
		k.system.users[user] = actors.Connection{
			User: user, Address: fmt.Sprintf("2001:db8:%d::17", i+1), UserAgent: programs[i%len(programs)],
			Since: now.Add(-time.Duration(i*i*i+1) * 11 * time.Minute), LastPush: now.Add(-time.Duration(7*i+2) * time.Second),
		}
	}
	delete(k.system.users, "frank")
	k.system.users["grace"] = actors.Connection{User: "grace", Address: "192.0.2.44", Since: now.Add(-time.Minute)}
	k.status.Latencies = func() map[string]Latency {
		now := time.Now()
		return map[string]Latency{
			"redis":     {Took: 310 * time.Microsecond, At: now.Add(-21 * time.Second)},
			"database":  {Took: 1420 * time.Microsecond, At: now.Add(-3 * time.Second)},
			"nextcloud": {Took: 38 * time.Millisecond, At: now.Add(-9 * time.Second)},
		}
	}
	k.source.Version, k.status.Started = "0.1.0", now.Add(-time.Hour)
	var last actors.Stats
	var events, pushes, logins, ended float64
	stats := func(second int) actors.Stats {
		minute := float64(second) / 60
		last.ActiveConnections = uint64(1180 + 60*math.Sin(minute/9) + 20*math.Sin(minute/2))
		last.ActiveUsers = last.ActiveConnections * 4 / 5
		events += 24 + 11*math.Sin(minute/6) + 6*math.Sin(minute*1.7)
		pushes += 41 + 22*math.Sin(minute/6) + 9*math.Sin(minute*1.3)
		logins += .7 + .3*math.Sin(minute/3) + .2*math.Sin(minute*2.3)
		ended += .6 + .3*math.Sin(minute/4) + .2*math.Sin(minute*1.9)
		last.EventsReceived, last.TotalConnections = uint64(events), uint64(logins)
		last.MessagesSent[actors.KindFile], last.Closed[actors.ClosedByClient] = uint64(pushes), uint64(ended)
		if second > 2000 && second < 2300 || second%700 == 0 {
			last.Logins.Refused++
		}
		last.LoginsInFlight = 2
		return last
	}
	k.status.History = NewHistory(nil, func() map[string]string { return k.source.Problems() })
	for second := range 3600 {
		k.status.History.read(now.Add(time.Duration(second-3600)*time.Second), stats(second), nil)
	}
	k.source.Stats = func() actors.Stats { return last }
}

// clickRow clicks the first button of a table in one step, because rows are replaced now and then.
func (b browser) clickRow(table string) {
	b.T.Helper()
	_, err := chromedp.Run(b.Ctx, chromedp.Evaluate[bool](fmt.Sprintf("document.querySelector(%q).click(), true", table+" td button")))
	require.NoError(b.T, err)
}

const rows = `[...document.querySelectorAll("#clients tbody tr")].map((row) => row.cells[0].textContent).join()`

func TestThePageShowsAServer(t *testing.T) {
	b := open(t, 1180, 900, nil)
	b.See("that it is ready", browsertest.Text("state")+` === "ready for 1 h"`)
	b.See("versions", browsertest.Text("versions")+".startsWith('version 0.1.0, app 1.4.0, go')")
	b.See("the dependencies", `document.querySelectorAll("#dependencies li:not(.down)").length === 3 && `+browsertest.Text("dependencies")+".includes('redis0.31 ms')")
	b.See("a line in each plot", `[...document.querySelectorAll("[data-plot] polyline")].filter((line) => line.getAttribute("points").split(" ").length === 60).length === 6`)
	b.See("the clients", rows+` === "alice,bob,carol,dave,erin,grace"`)
	b.See("an address, a program and a push", `/2001:db8:1::17.*ago$/.test(document.querySelector("#clients tbody tr").innerText.replace(/\s+/g, " ").trim()) && document.querySelector("#clients tbody").textContent.includes("desktop client 33.0.2, Linux")`)
	b.See("a throttled address", `document.querySelector("#throttled tbody").textContent.startsWith("192.0.2.7")`)

	b.Do(chromedp.SendKeys(chromedp.ID("search"), "AR"))
	b.See("who is searched for", rows+` === "carol"`)
}

func TestThePageActsWithTheToken(t *testing.T) {
	b := open(t, 1180, 900, nil)
	b.See("the clients", rows+" !== ''")
	b.See("that nothing can be done yet", `document.querySelectorAll("td button").length === 0 && [...document.querySelectorAll(".needs-token")].every((one) => one.disabled)`)
	unlock := func(token string) {
		b.Do(chromedp.SetValue(chromedp.ID("token"), token), chromedp.Click(chromedp.CSS("#unlock button")))
		b.See("buttons", `document.querySelector("td button")`)
	}
	unlock("a wrong token of enough characters")
	b.Do(chromedp.Click(chromedp.CSS("[data-action=forget-logins]")))
	b.See("the refusal", browsertest.Text("done")+" === 'this is not the admin token'")
	require.Empty(t, b.system.actions())

	unlock(adminToken)
	b.Do(chromedp.SetValue(chromedp.ID("level"), "debug"), chromedp.Click(chromedp.CSS("[data-action=log-level]")))
	b.See("that it is done", browsertest.Text("done")+" === 'done: log-level debug'")
	b.clickRow("#clients")
	b.See("that it is done", browsertest.Text("done")+" === 'done: disconnect alice'")
	b.clickRow("#throttled")
	b.See("that it is done", browsertest.Text("done")+" === 'done: clear-rate-limit 192.0.2.7'")
	require.Equal(t, []string{"level debug", "disconnect alice", "clear 192.0.2.7"}, b.system.actions())
}

func TestThePageShowsWhatIsWrong(t *testing.T) {
	b := open(t, 1180, 900, func(k *statusKit) {
		k.source.Problems = func() map[string]string { return map[string]string{"redis": "<b>connection refused</b>"} }
		k.source.Warning = func() string { return "<b>another Nextcloud</b>" }
		k.status.AdminToken = func() actors.Secret { return "" }
	})
	b.See("that it is not ready", browsertest.Text("state")+" === 'not ready'")
	b.See("the reason, as text", browsertest.Text("problems")+".includes('redis for 0 s: <b>connection refused</b>') || "+browsertest.Text("problems")+".includes('<b>connection refused</b>')")
	b.See("what else is wrong, as text", browsertest.Text("warning")+" === '<b>another Nextcloud</b>'")
	b.See("which dependency", `document.querySelectorAll("#dependencies li.down").length === 1`)
	b.See("that actions are off", `!document.getElementById("off").hidden && document.getElementById("on").hidden`)
}

// TestThePageIsLightOrDark follows what its reader prefers, and can be read either way.
func TestThePageIsLightOrDark(t *testing.T) {
	b := open(t, 1180, 900, func(k *statusKit) {
		k.source.Problems = func() map[string]string { return map[string]string{"redis": "connection refused"} }
	})
	b.See("the clients", rows+" !== ''")
	b.Do(chromedp.SetValue(chromedp.ID("token"), adminToken), chromedp.Click(chromedp.CSS("#unlock button")))
	b.See("buttons", `document.querySelector("td button")`)
	for _, scheme := range []string{"light", "dark"} {
		b.Prefer(scheme)
		b.RequireReadable(scheme == "light")
	}
}

func TestThePageFitsAPhone(t *testing.T) {
	b := open(t, 360, 740, nil)
	b.See("the clients", rows+" !== ''")
	b.Do(chromedp.SetValue(chromedp.ID("token"), adminToken), chromedp.Click(chromedp.CSS("#unlock button")))
	b.See("buttons", `document.querySelector("td button")`)
	b.RequireFits(360)
	b.savePicture("STATUS_PHONE_PICTURE")
}

// savePicture makes a picture of the page where a variable says where to.
func (b browser) savePicture(variable string) {
	b.T.Helper()
	path := os.Getenv(variable)
	if path == "" {
		return
	}
	picture, err := chromedp.Run(b.Ctx, chromedp.CaptureScreenshot())
	require.NoError(b.T, err)
	require.NoError(b.T, os.WriteFile(filepath.Join("..", "..", path), picture, 0o644))
}

// TestStatusPicture makes the picture of the README: STATUS_PICTURE=docs/status.png go test ./transport/monitor -run StatusPicture
func TestStatusPicture(t *testing.T) {
	if os.Getenv("STATUS_PICTURE") == "" {
		t.Skip("STATUS_PICTURE does not say where to")
	}
	b := open(t, 1180, 1180, nil)
	b.See("the clients", rows+" !== ''")
	b.Do(chromedp.SetValue(chromedp.ID("token"), adminToken), chromedp.Click(chromedp.CSS("#unlock button")))
	b.See("buttons", `document.querySelector("td button")`)
	_, err := chromedp.Run(b.Ctx, chromedp.Evaluate[bool]("scrollTo(0, 0), true"))
	require.NoError(t, err)
	b.savePicture("STATUS_PICTURE")
}
