package demo

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/notifypush/notifypush/internal/testkit/browsertest"
	"github.com/notifypush/notifypush/storage/storagetest"
	"github.com/stretchr/testify/require"
)

// browser is a person with a browser that shows the demo's page.
type browser struct {
	browsertest.Page
	demo *Demo
}

func open(t *testing.T, width, height int64) browser {
	shown := browsertest.Start(t, storagetest.Program(t, "chromium"))
	v := browser{shown, start(t)}
	v.Do(chromedp.EmulateViewport(width, height), chromedp.Navigate(v.demo.URL), chromedp.WaitVisible(chromedp.ID("right-logout")))
	v.logIn("left", "right")
	return v
}

func (v browser) click(ids ...string) {
	v.T.Helper()
	for _, id := range ids {
		v.Do(chromedp.Click(chromedp.ID(id)))
	}
}

// choose is a click on a radio button, which is hidden behind its label.
func (v browser) choose(person string) {
	v.T.Helper()
	v.Do(chromedp.Click(chromedp.CSS("#who-" + person + " + span")))
}

// logIn waits until the page has logged its people in.
func (v browser) logIn(panes ...string) {
	v.T.Helper()
	for _, pane := range panes {
		v.See(pane+" is logged in", browsertest.Text(pane+"-status")+" === 'connected'")
	}
}

// pushes are the texts of the pushes in a pane's log, the newest first.
func (v browser) pushes(pane string) []string {
	v.T.Helper()
	shown, err := chromedp.Run(v.Ctx, chromedp.Evaluate[[]string](
		fmt.Sprintf("[...document.querySelectorAll('#%s-log code')].map((code) => code.textContent)", pane)))
	require.NoError(v.T, err)
	return shown
}

// count waits until a pane's log has so many pushes, each with a latency.
func (v browser) count(pane string, pushes int) {
	v.T.Helper()
	v.See(fmt.Sprintf("%s has %d pushes", pane, pushes), fmt.Sprintf(
		"[...document.querySelectorAll('#%s-log .latency')].filter((place) => /^[0-9.]+ m?s$/.test(place.textContent)).length === %d", pane, pushes))
}

func TestAWrongPasswordIsRefused(t *testing.T) {
	v := open(t, 1280, 900)
	v.click("left-logout")
	v.See("the end", browsertest.Text("left-status")+" === 'logged out'")
	v.click("left-wrong")
	v.See("the refusal", browsertest.Text("left-status")+" === 'err: Invalid credentials'")
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

	v.Do(chromedp.SetValue(chromedp.ID("message"), "talk_call_started"))
	v.click("send-message")
	v.count("right", 5)
	require.Equal(t, "talk_call_started", v.pushes("right")[0])

	v.choose("alice")
	v.click("send-message")
	v.count("left", 2)
	require.Equal(t, "talk_call_started", v.pushes("left")[0], "and nothing of what concerned Bob only")

	v.See("the counters", `["2", "2", "7", "3"].join() === ["active_connection_count", "active_user_count", "messages_sent", "messages_sent_file"]
		.map((name) => document.querySelector("[data-counter=" + name + "]").textContent).join()`)
}

func TestChangesAreSeenToCoalesce(t *testing.T) {
	v := open(t, 1280, 900)
	v.click("left-file-ids")
	v.click("change-many")
	v.See("what is held back", `[...document.querySelectorAll("[data-pane=left] .held .text")].some((place) => /^holding back \d+ change/.test(place.textContent))`)
	v.See("changes that were coalesced", `document.querySelector("#left-log [data-coalesced]") && document.querySelector("#right-log [data-coalesced]")`)
	for _, pane := range []string{"left", "right"} {
		v.See("that no event waits in "+pane, `/^20 events, \d+ pushes$/.test(`+browsertest.Text(pane+"-sum")+")")
		pushes := len(v.pushes(pane))
		require.Less(t, pushes, 20)
		v.count(pane, pushes)
	}
}

func TestThePageSaysThatTheDemoHasEnded(t *testing.T) {
	v := open(t, 1280, 900)
	v.demo.Close()
	v.See("the end of the connection", browsertest.Text("left-status")+".startsWith('connection ended')")
	v.See("that nothing answers", browsertest.Text("happened")+".startsWith('The demo does not answer.')")
}

func TestThePageFitsAPhone(t *testing.T) {
	v := open(t, 360, 740)
	v.click("left-file-ids")
	v.click("change-many")
	v.See("changes that were coalesced", `document.querySelector("#left-log [data-coalesced]") !== null`)
	v.RequireFits(360)
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
	v.See("changes that were coalesced", `document.querySelectorAll("#left-log [data-coalesced]").length > 0`)
	v.See("changes that are held back", `/holding back [4-9]/.test(document.querySelector("[data-pane=left] .held").textContent)`)
	picture, err := chromedp.Run(v.Ctx, chromedp.CaptureScreenshot())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join("..", path), picture, 0o644))
}
