// Package loadtest connects thousands of simulated clients to a push server, does to it what a [Scenario] says, and measures the outcome.
// [Run] does all that; docs/loadtest.md says what the figures mean.
//
// The server is started by a command, with everything that it needs around it, or runs already, in this process for example: then
// [Options].URL says where, [Options].Publish takes the events to it, and [Options].Login says how clients log in.
//
// Helper processes are optional: they spread the clients over several processes, measure a floor, and keep the machine busy. Run starts
// them as [Options].HelperCommand says, which mostly is the program itself; such a process has to call [Help] and nothing else.
package loadtest
