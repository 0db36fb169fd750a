// Package browsertest has the tests' browser.
package browsertest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// patience bounds all that a test does with its browser.
const patience = 2 * time.Minute

// Page is a page in a browser of its own, which ends with the test.
type Page struct {
	T   *testing.T
	Ctx context.Context
}

// Start starts Chromium, of which the path is given. It shows nothing yet.
func Start(t *testing.T, chromium string) Page {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium),
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
	return Page{t, ctx}
}

// Do takes steps.
func (p Page) Do(steps ...chromedp.Action[chromedp.Void]) {
	p.T.Helper()
	require.NoError(p.T, chromedp.Do(p.Ctx, steps...))
}

// See waits until a condition, in JavaScript, holds.
func (p Page) See(what, condition string) {
	p.T.Helper()
	if _, err := chromedp.Run(p.Ctx, chromedp.Poll[bool]("!!("+condition+")")); err != nil {
		shown, _ := chromedp.Run(p.Ctx, chromedp.Evaluate[string]("document.body.innerText"))
		p.T.Fatalf("%s: %v; the page shows:\n%s", what, err, shown)
	}
}

// RequireFits wants a page that does not scroll sideways, and buttons that are large enough for a finger.
func (p Page) RequireFits(width int) {
	p.T.Helper()
	wide, err := chromedp.Run(p.Ctx, chromedp.Evaluate[int]("document.documentElement.scrollWidth"))
	require.NoError(p.T, err)
	require.LessOrEqual(p.T, wide, width, "the page scrolls sideways")
	small, err := chromedp.Run(p.Ctx, chromedp.Evaluate[[]string](
		`[...document.querySelectorAll("button")].filter((b) => b.offsetHeight > 0 && b.offsetHeight < 44).map((b) => b.textContent)`))
	require.NoError(p.T, err)
	require.Empty(p.T, small, "buttons too small for a finger")
}

// Text is the JavaScript of what an element with this id shows.
func Text(id string) string { return fmt.Sprintf("document.getElementById(%q).textContent", id) }
