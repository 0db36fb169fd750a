package monitor

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
)

// browser is an operator with a browser that shows the status page of a server that has run for an hour.
type browser struct {
	t   *testing.T
	ctx context.Context
	*statusKit
}

func open(t *testing.T, width, height int64, change func(*statusKit)) browser {
	if _, err := exec.LookPath("chromium"); err != nil {
		if os.Getenv("REQUIRE_SERVICES") == "1" {
			t.Fatal("chromium is missing, and REQUIRE_SERVICES=1 says that it must be there")
		}
		t.Skip("chromium is not installed")
	}
	kit := newStatus(t, func(k *statusKit) {
		busyHour(k)
		if change != nil {
			change(k)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"),
		chromedp.NoSandbox,
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.UserDataDir(t.TempDir()),
	)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := browser{t, ctx, kit}
	b.do(chromedp.EmulateViewport(width, height), chromedp.Navigate(kit.url))
	b.see("the state", text("state")+" !== 'loading'")
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

func (b browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, steps...))
}

// clickRow clicks the first button of a table in one step, because rows are replaced now and then.
func (b browser) clickRow(table string) {
	b.t.Helper()
	_, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](fmt.Sprintf("document.querySelector(%q).click(), true", table+" td button")))
	require.NoError(b.t, err)
}

// see waits until a condition, in JavaScript, holds.
func (b browser) see(what, condition string) {
	b.t.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Poll[bool]("!!("+condition+")")); err != nil {
		shown, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText"))
		b.t.Fatalf("%s: %v; the page shows:\n%s", what, err, shown)
	}
}

func text(id string) string { return fmt.Sprintf("document.getElementById(%q).textContent", id) }

const rows = `[...document.querySelectorAll("#clients tbody tr")].map((row) => row.cells[0].textContent).join()`

func TestThePageShowsAServer(t *testing.T) {
	b := open(t, 1180, 900, nil)
	b.see("that it is ready", text("state")+` === "ready for 1 h"`)
	b.see("versions", text("versions")+".startsWith('version 0.1.0, app 1.4.0, go')")
	b.see("the dependencies", `document.querySelectorAll("#dependencies li:not(.down)").length === 3 && `+text("dependencies")+".includes('redis0.31 ms')")
	b.see("a line in each plot", `[...document.querySelectorAll("[data-plot] polyline")].filter((line) => line.getAttribute("points").split(" ").length === 60).length === 6`)
	b.see("the clients", rows+` === "alice,bob,carol,dave,erin,grace"`)
	b.see("an address, a program and a push", `/2001:db8:1::17.*ago$/.test(document.querySelector("#clients tbody tr").innerText.replace(/\s+/g, " ").trim()) && document.querySelector("#clients tbody").textContent.includes("desktop client 33.0.2, Linux")`)
	b.see("a throttled address", `document.querySelector("#throttled tbody").textContent.startsWith("192.0.2.7")`)

	b.do(chromedp.SendKeys(chromedp.ID("search"), "AR"))
	b.see("who is searched for", rows+` === "carol"`)
}

func TestThePageActsWithTheToken(t *testing.T) {
	b := open(t, 1180, 900, nil)
	b.see("the clients", rows+" !== ''")
	b.see("that nothing can be done yet", `document.querySelectorAll("td button").length === 0 && [...document.querySelectorAll(".needs-token")].every((one) => one.disabled)`)
	unlock := func(token string) {
		b.do(chromedp.SetValue(chromedp.ID("token"), token), chromedp.Click(chromedp.CSS("#unlock button")))
		b.see("buttons", `document.querySelector("td button")`)
	}
	unlock("a wrong token of enough characters")
	b.do(chromedp.Click(chromedp.CSS("[data-action=forget-logins]")))
	b.see("the refusal", text("done")+" === 'this is not the admin token'")
	require.Empty(t, b.system.actions())

	unlock(adminToken)
	b.do(chromedp.SetValue(chromedp.ID("level"), "debug"), chromedp.Click(chromedp.CSS("[data-action=log-level]")))
	b.see("that it is done", text("done")+" === 'done: log-level debug'")
	b.clickRow("#clients")
	b.see("that it is done", text("done")+" === 'done: disconnect alice'")
	b.clickRow("#throttled")
	b.see("that it is done", text("done")+" === 'done: clear-rate-limit 192.0.2.7'")
	require.Equal(t, []string{"level debug", "disconnect alice", "clear 192.0.2.7"}, b.system.actions())
}

func TestThePageShowsWhatIsWrong(t *testing.T) {
	b := open(t, 1180, 900, func(k *statusKit) {
		k.source.Problems = func() map[string]string { return map[string]string{"redis": "<b>connection refused</b>"} }
		k.status.AdminToken = func() actors.Secret { return "" }
	})
	b.see("that it is not ready", text("state")+" === 'not ready'")
	b.see("the reason, as text", text("problems")+".includes('redis for 0 s: <b>connection refused</b>') || "+text("problems")+".includes('<b>connection refused</b>')")
	b.see("which dependency", `document.querySelectorAll("#dependencies li.down").length === 1`)
	b.see("that actions are off", `!document.getElementById("off").hidden && document.getElementById("on").hidden`)
}

func TestThePageFitsAPhone(t *testing.T) {
	b := open(t, 360, 740, nil)
	b.see("the clients", rows+" !== ''")
	b.do(chromedp.SetValue(chromedp.ID("token"), adminToken), chromedp.Click(chromedp.CSS("#unlock button")))
	b.see("buttons", `document.querySelector("td button")`)
	wide, err := chromedp.Run(b.ctx, chromedp.Evaluate[int]("document.documentElement.scrollWidth"))
	require.NoError(t, err)
	require.LessOrEqual(t, wide, 360, "the page scrolls sideways")
	small, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](
		`[...document.querySelectorAll("button")].filter((b) => b.offsetHeight > 0 && b.offsetHeight < 44).map((b) => b.textContent)`))
	require.NoError(t, err)
	require.Empty(t, small, "buttons too small for a finger")
	b.savePicture("STATUS_PHONE_PICTURE")
}

// savePicture makes a picture of the page where a variable says where to.
func (b browser) savePicture(variable string) {
	b.t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		return
	}
	picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(filepath.Join("..", "..", path), picture, 0o644))
}

// TestStatusPicture makes the picture of the README: STATUS_PICTURE=docs/status.png go test ./transport/monitor -run StatusPicture
func TestStatusPicture(t *testing.T) {
	if os.Getenv("STATUS_PICTURE") == "" {
		t.Skip("STATUS_PICTURE does not say where to")
	}
	b := open(t, 1180, 1180, nil)
	b.see("the clients", rows+" !== ''")
	b.do(chromedp.SetValue(chromedp.ID("token"), adminToken), chromedp.Click(chromedp.CSS("#unlock button")))
	b.see("buttons", `document.querySelector("td button")`)
	_, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("scrollTo(0, 0), true"))
	require.NoError(t, err)
	b.savePicture("STATUS_PICTURE")
}
