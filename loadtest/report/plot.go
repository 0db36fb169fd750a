package report

import (
	"fmt"
	"math"
	"strings"
)

// plot is a drawing of curves, laid out in SVG units.
type plot struct {
	Title, X, Y    string
	XTicks, YTicks []tick
	Curves         []curve
}

type tick struct {
	At    float64
	Label string
}

type curve struct {
	Name, Path, Colour, Dash string
	// LegendX and LegendY are where the name is written.
	LegendX, LegendY float64
}

// The drawing surface: a frame inside margins that hold the ticks, with the legend below.
const (
	plotWidth  = 460.0
	plotHeight = 240.0
	plotLeft   = 58.0
	plotRight  = 12.0
	plotTop    = 12.0
	plotBottom = 38.0
)

// Colours that the colour-blind can tell apart, and dashes for print in black and white. Where there are more curves than
// colours, each next round has other dashes.
var (
	colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"}
	dashes  = []string{"", "6 3", "2 2", "8 3 2 3", "1 3", "10 4"}
)

type point struct{ x, y float64 }

type series struct {
	name   string
	points []point
}

// axis places values between two ends.
type axis struct {
	low, high float64
	from, to  float64 // in SVG units
	scale     func(float64) float64
}

func (a axis) at(v float64) float64 {
	low, high := a.scale(a.low), a.scale(a.high)
	return a.from + (a.scale(min(max(v, a.low), a.high))-low)/(high-low)*(a.to-a.from)
}

func linear(v float64) float64 { return v }

// nines spreads 0.9, 0.99 and 0.999 evenly.
func nines(share float64) float64 { return -math.Log10(1 - share) }

// timePlot draws what changed over seconds, from 0.
func timePlot(title, unit string, all []series) plot {
	x := axis{0, 1, plotLeft, plotWidth - plotRight, linear}
	y := axis{0, 1, plotHeight - plotBottom, plotTop, linear}
	for _, s := range all {
		for _, p := range s.points {
			x.high, y.high = max(x.high, p.x), max(y.high, p.y)
		}
	}
	p := plot{Title: title, X: "s", Y: unit, XTicks: evenTicks(x), YTicks: evenTicks(y)}
	p.draw(x, y, all)
	return p
}

// latencyPlot draws how long which share took at most; both axes are logarithmic.
func latencyPlot(title string, all []series) plot {
	x := axis{0, 0.9, plotLeft, plotWidth - plotRight, nines}
	y := axis{math.Inf(1), 0.01, plotHeight - plotBottom, plotTop, math.Log10}
	for _, s := range all {
		for _, p := range s.points {
			if p.x < 1 {
				x.high = max(x.high, p.x)
			}
			y.low, y.high = min(y.low, p.y), max(y.high, p.y)
		}
	}
	y.low = math.Pow(10, math.Floor(math.Log10(max(y.low, 0.001))))
	y.high = math.Pow(10, math.Ceil(math.Log10(y.high*1.0001)))
	p := plot{Title: title, X: "percentile", Y: "ms", YTicks: decadeTicks(y)}
	for _, share := range []float64{0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999} {
		if share <= x.high {
			p.XTicks = append(p.XTicks, tick{x.at(share), fmt.Sprintf("%g", math.Round(share*1e7)/1e5)})
		}
	}
	p.draw(x, y, all)
	return p
}

func (p *plot) draw(x, y axis, all []series) {
	for i, s := range all {
		var path strings.Builder
		for j, point := range s.points {
			fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(j, 1)], x.at(point.x), y.at(point.y))
		}
		p.Curves = append(p.Curves, curve{
			Name: s.name, Path: path.String(),
			Colour: colours[i%len(colours)], Dash: dashes[(i+i/len(colours))%len(dashes)],
			LegendX: plotLeft, LegendY: plotHeight + 12 + 16*float64(i),
		})
	}
}

// Height is that of the drawing with its legend.
func (p plot) Height() float64 {
	if len(p.Curves) < 2 {
		return plotHeight
	}
	return plotHeight + 8 + 16*float64(len(p.Curves))
}

// evenTicks are at about five round numbers.
func evenTicks(a axis) (ticks []tick) {
	step := math.Pow(10, math.Floor(math.Log10((a.high-a.low)/5)))
	for _, factor := range []float64{1, 2, 5, 10} {
		if (a.high-a.low)/(step*factor) <= 6 {
			step *= factor
			break
		}
	}
	for v := a.low; v <= a.high; v += step {
		ticks = append(ticks, tick{a.at(v), brief(v)})
	}
	return ticks
}

func decadeTicks(a axis) (ticks []tick) {
	for exponent := math.Round(math.Log10(a.low)); exponent <= math.Round(math.Log10(a.high)); exponent++ {
		v := math.Pow(10, exponent)
		ticks = append(ticks, tick{a.at(v), brief(v)})
	}
	return ticks
}

// brief writes 15000 as 15k.
func brief(v float64) string {
	if math.Abs(v) >= 1000 {
		return fmt.Sprintf("%gk", math.Round(v/10)/100)
	}
	return fmt.Sprintf("%g", math.Round(v*1e4)/1e4)
}
