//go:build !server

package cli

// tools are the commands that bring servers of their own, to try this one and to measure it. The tag server leaves them out, and
// everything that they alone need.
type tools struct {
	Demo           demoCommand     `cmd:"" help:"Show what the server does, on a web page, with everything it needs embedded."`
	Loadtest       loadtestCommand `cmd:"" help:"Drive simulated clients against a server, and measure it."`
	LoadtestHelper loadtestHelper  `cmd:"" hidden:""`
}
