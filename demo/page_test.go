package demo

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// browser is a person with a browser that shows the demo's page.
type browser struct {
	t    *testing.T
	ctx  context.Context
	demo *Demo
}

func open(t *testing.T, width, height int64) browser {
	if _, err := exec.LookPath("chromium"); err != nil {
		if os.Getenv("REQUIRE_SERVICES") == "1" {
			t.Fatal("chromium is missing, and REQUIRE_SERVICES=1 says that it must be there")
		}
		t.Skip("chromium is not installed")
	}
	d := start(t)
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
	v := browser{t, ctx, d}
	v.do(chromedp.EmulateViewport(width, height), chromedp.Navigate(d.URL), chromedp.WaitVisible(chromedp.ID("right-logout")))
	v.logIn("left", "right")
	return v
}

func (v browser) do(steps ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	require.NoError(v.t, chromedp.Do(v.ctx, steps...))
}

func (v browser) click(ids ...string) {
	v.t.Helper()
	for _, id := range ids {
		v.do(chromedp.Click(chromedp.ID(id)))
	}
}

// choose is a click on a radio button, which is hidden behind its label.
func (v browser) choose(person string) {
	v.t.Helper()
	v.do(chromedp.Click(chromedp.CSS("#who-" + person + " + span")))
}

// logIn waits until the page has logged its people in.
func (v browser) logIn(panes ...string) {
	v.t.Helper()
	for _, pane := range panes {
		v.see(pane+" is logged in", text(pane+"-status")+" === 'connected'")
	}
}

// see waits until a condition, in JavaScript, holds.
func (v browser) see(what, condition string) {
	v.t.Helper()
	_, err := chromedp.Run(v.ctx, chromedp.Poll[bool]("!!("+condition+")"))
	if err != nil {
		shown, _ := chromedp.Run(v.ctx, chromedp.Evaluate[string]("document.body.innerText"))
		v.t.Fatalf("%s: %v; the page shows:\n%s", what, err, shown)
	}
}

func text(id string) string { return fmt.Sprintf("document.getElementById(%q).textContent", id) }

// pushes are the texts of the pushes in a pane's log, the newest first.
func (v browser) pushes(pane string) []string {
	v.t.Helper()
	shown, err := chromedp.Run(v.ctx, chromedp.Evaluate[[]string](
		fmt.Sprintf("[...document.querySelectorAll('#%s-log code')].map((code) => code.textContent)", pane)))
	require.NoError(v.t, err)
	return shown
}

// count waits until a pane's log has so many pushes, each with a latency.
func (v browser) count(pane string, pushes int) {
	v.t.Helper()
	v.see(fmt.Sprintf("%s has %d pushes", pane, pushes), fmt.Sprintf(
		"[...document.querySelectorAll('#%s-log .latency')].filter((place) => /^[0-9.]+ m?s$/.test(place.textContent)).length === %d", pane, pushes))
}

func TestAWrongPasswordIsRefused(t *testing.T) {
	v := open(t, 1280, 900)
	v.click("left-logout")
	v.see("the end", text("left-status")+" === 'logged out'")
	v.click("left-wrong")
	v.see("the refusal", text("left-status")+" === 'err: Invalid credentials'")
	v.click("left-login")
	v.logIn("left")
}

func TestEachPushReachesWhomItConcerns(t *testing.T) {
	v := open(t, 1280, 900)
	v.click("left-file-ids")

	v.click("change-shared")
	v.count("left", 1)
	v.count("right", 1)
	require.Equal(t, []string{"notify_file_id [102]"}, v.pushes("left"))
	require.Equal(t, []string{"notify_file"}, v.pushes("right"))

	v.choose("bob")
	v.click("change-private", "notify", "activity")
	v.count("right", 4)
	require.ElementsMatch(t, []string{"notify_file", "notify_notification", "notify_activity"}, v.pushes("right")[:3])

	v.do(chromedp.SetValue(chromedp.ID("message"), "talk_call_started"))
	v.click("send-message")
	v.count("right", 5)
	require.Equal(t, "talk_call_started", v.pushes("right")[0])

	v.choose("alice")
	v.click("send-message")
	v.count("left", 2)
	require.Equal(t, "talk_call_started", v.pushes("left")[0], "and nothing of what concerned Bob only")

	v.see("the counters", `["2", "2", "7", "3"].join() === ["active_connection_count", "active_user_count", "messages_sent", "messages_sent_file"]
		.map((name) => document.querySelector("[data-counter=" + name + "]").textContent).join()`)
}

func TestChangesAreSeenToCoalesce(t *testing.T) {
	v := open(t, 1280, 900)
	v.click("left-file-ids")
	v.click("change-many")
	v.see("what is held back", `[...document.querySelectorAll("[data-pane=left] .held .text")].some((place) => /^holding back \d+ change/.test(place.textContent))`)
	v.see("changes that were coalesced", `document.querySelector("#left-log [data-coalesced]") && document.querySelector("#right-log [data-coalesced]")`)
	for _, pane := range []string{"left", "right"} {
		v.see("that no event waits in "+pane, `/^20 events, \d+ pushes$/.test(`+text(pane+"-sum")+")")
		pushes := len(v.pushes(pane))
		require.Less(t, pushes, 20)
		v.count(pane, pushes)
	}
}

func TestThePageSaysThatTheDemoHasEnded(t *testing.T) {
	v := open(t, 1280, 900)
	v.demo.Close()
	v.see("the end of the connection", text("left-status")+".startsWith('connection ended')")
	v.see("that nothing answers", text("happened")+".startsWith('The demo does not answer.')")
}

func TestThePageFitsAPhone(t *testing.T) {
	v := open(t, 360, 740)
	v.click("left-file-ids")
	v.click("change-many")
	v.see("changes that were coalesced", `document.querySelector("#left-log [data-coalesced]") !== null`)
	wide, err := chromedp.Run(v.ctx, chromedp.Evaluate[int]("document.documentElement.scrollWidth"))
	require.NoError(t, err)
	require.LessOrEqual(t, wide, 360, "the page scrolls sideways")
	small, err := chromedp.Run(v.ctx, chromedp.Evaluate[[]string](
		`[...document.querySelectorAll("button")].filter((b) => b.offsetHeight > 0 && b.offsetHeight < 44).map((b) => b.textContent)`))
	require.NoError(t, err)
	require.Empty(t, small, "buttons too small for a finger")
}

// TestPicture makes the picture of the README: DEMO_PICTURE=docs/demo.png go test ./demo -run Picture
func TestPicture(t *testing.T) {
	path := os.Getenv("DEMO_PICTURE")
	if path == "" {
		t.Skip("DEMO_PICTURE does not say where to")
	}
	v := open(t, 1180, 1130)
	v.click("left-file-ids")
	v.click("activity")
	v.choose("bob")
	v.click("notify", "send-message")
	v.count("right", 2)
	v.click("change-many")
	v.see("changes that were coalesced", `document.querySelectorAll("#left-log [data-coalesced]").length > 0`)
	v.see("changes that are held back", `/holding back [4-9]/.test(document.querySelector("[data-pane=left] .held").textContent)`)
	picture, err := chromedp.Run(v.ctx, chromedp.CaptureScreenshot())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join("..", path), picture, 0o644))
}
