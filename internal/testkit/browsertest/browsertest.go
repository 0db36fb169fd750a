// Package browsertest has the tests' browser.
package browsertest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
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

// Prefer has the browser of somebody who prefers light or dark pages.
func (p Page) Prefer(scheme string) {
	p.T.Helper()
	p.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}, //nolint:misspell // It is CSS's.
		})
		return err
	}))
}

// RequireReadable wants a page that is light or dark as it says, and all text on it to have the contrast of WCAG 2.2, AA: 4.5 to 1.
func (p Page) RequireReadable(light bool) {
	p.T.Helper()
	found, err := chromedp.Run(p.Ctx, chromedp.Evaluate[[]string](contrasts))
	require.NoError(p.T, err)
	want := "dark"
	if light {
		want = "light"
	}
	require.Equal(p.T, []string{want}, found)
}

// contrasts returns whether the page is light or dark, and what on it is hard to read.
//
//nolint:misspell // It is CSS's.
const contrasts = `(() => {
	const numbers = (colour) => colour.match(/[\d.]+/g).map(Number)
	const luminance = (colour) => {
		const [r, g, b] = numbers(colour).map((part) => part / 255).map((part) => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4)
		return .2126 * r + .7152 * g + .0722 * b
	}
	const behind = (element) => {
		for (; element; element = element.parentElement) {
			const colour = getComputedStyle(element).backgroundColor
			if ((numbers(colour)[3] ?? 1) > .5) return colour
		}
		return 'rgb(255, 255, 255)'
	}
	const bad = [luminance(behind(document.body)) > .5 ? 'light' : 'dark']
	for (const element of document.querySelectorAll('body *')) {
		const text = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.textContent.trim()).join('')
		if (!text || !element.offsetHeight || element.disabled) continue
		const [low, high] = [luminance(getComputedStyle(element).color), luminance(behind(element))].sort((a, b) => a - b)
		const contrast = (high + .05) / (low + .05)
		if (contrast < 4.5) bad.push(element.tagName + ' ' + text.slice(0, 30) + ' ' + contrast.toFixed(2))
	}
	return bad
})()`

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
