package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func testReport() *Report {
	publish := StepResult{Step: "publish", Latency: []Quantile{{0, 0.1}, {0.5, 0.4}, {0.99, 2}, {1, 7}}, Notes: []string{"<script>alert(1)</script>"}}
	publish.Add("latency p50", 0.4, "ms")
	publish.Figures = append(publish.Figures, Figure{Name: "server memory", Value: 30.5, Unit: "MiB", Nodes: []float64{10, 20.5}})
	connect := StepResult{Step: "connect", Logins: []Quantile{{0.5, 10}, {1, 40}}}
	samples := []Sample{{Seconds: 0.25, Online: 10, MemoryMiB: 20}, {Seconds: 0.5, Online: 15000, MemoryMiB: 100, CPU: 50, Delivered: 2000}}
	return &Report{Results: []Result{
		{Scenario: "steady", About: "An even stream.", Server: "A", Command: "a & b", Round: 1, Clients: 15000, Steps: []StepResult{connect, publish}, Samples: samples},
		{Scenario: "steady", Server: "B", Round: 1, Clients: 15000, Steps: []StepResult{connect, publish}, Samples: samples},
	}}
}

func TestPageStandsAlone(t *testing.T) {
	var text bytes.Buffer
	require.NoError(t, testReport().WritePage(&text))
	page := text.String()
	for _, want := range []string{"<h2>steady</h2>", "An even stream.", "latency p50", "10 · 20.5", "a &amp; b", "Latency, from when an event was due", "side by side", "15k"} {
		require.Contains(t, page, want)
	}
	require.NotContains(t, page, "<script>alert", "what a server says is text")
	require.NotRegexp(t, `(?i)(src|href)\s*=|url\(|@import`, page, "nothing is fetched")
	require.NotContains(t, page, "NaN")
	require.Less(t, strings.Index(page, "side by side"), strings.Index(page, "<h2>steady</h2>"), "what was asked comes first")

	drawings := regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(page, -1)
	require.Len(t, drawings, 6)
	for _, drawing := range drawings {
		decoder := xml.NewDecoder(strings.NewReader(drawing))
		for {
			_, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err, drawing)
		}
	}
}

func TestPageOfNothing(t *testing.T) {
	var text bytes.Buffer
	empty := &Report{Results: []Result{{Scenario: "x", Server: "A"}}}
	require.NoError(t, empty.WritePage(&text))
	require.NotContains(t, text.String(), "NaN")
	require.NotContains(t, text.String(), "<svg", "an empty frame says nothing")
}

func TestPlotPutsValuesWhereTheirTicksAre(t *testing.T) {
	p := timePlot("x", "MiB", []series{{"a", []point{{0, 0}, {10, 50}}}})
	require.Len(t, p.Curves, 1)
	require.Equal(t, "M58.0 202.0L448.0 12.0", p.Curves[0].Path)
	require.Equal(t, tick{448, "10"}, p.XTicks[len(p.XTicks)-1])
	require.Equal(t, tick{12, "50"}, p.YTicks[len(p.YTicks)-1])

	p = latencyPlot("x", []series{{"a", []point{{0, 1}, {0.9, 10}, {0.99, 100}, {1, 100}}}})
	require.Equal(t, []string{"0", "50", "90", "99"}, labels(p.XTicks))
	require.Equal(t, []string{"1", "10", "100", "1k"}, labels(p.YTicks))
}

func TestCurvesCanBeToldApart(t *testing.T) {
	seen := map[[2]string]bool{}
	for _, c := range timePlot("x", "s", make([]series, 24)).Curves {
		look := [2]string{c.Colour, c.Dash}
		require.False(t, seen[look], look)
		seen[look] = true
	}
}

func labels(ticks []tick) (all []string) {
	for _, tick := range ticks {
		all = append(all, tick.Label)
	}
	return all
}

func TestJSON(t *testing.T) {
	var text bytes.Buffer
	require.NoError(t, testReport().WriteJSON(&text))
	var got struct {
		Results     []Result
		Comparisons []Comparison
		Targets     []Row
	}
	require.NoError(t, json.Unmarshal(text.Bytes(), &got))
	require.Equal(t, testReport().Results, got.Results)
	require.Len(t, got.Comparisons, 2)
	require.Empty(t, got.Targets)
}

func TestWriteTable(t *testing.T) {
	var text bytes.Buffer
	require.NoError(t, testReport().Results[0].WriteTable(&text))
	require.Regexp(t, `latency p50 +0.4 +ms\n`, text.String())
	require.Regexp(t, `server memory +30.5 +MiB +10 · 20.5\n`, text.String())
}
