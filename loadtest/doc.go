// Package loadtest connects thousands of simulated clients to a push server, does to it what a [Scenario] says, and measures what
// comes of it. [Run] does all that; docs/loadtest.md says what the figures mean.
//
// For the floor, and for clients that are spread over several processes, Run starts the program that calls it once more, as
// [Options].HelperCommand says. That process has to call [Help] and nothing else.
package loadtest
