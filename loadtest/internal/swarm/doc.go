// Package swarm is the simulated clients of a load test: they connect, log in, answer pings, come back when they lose their connection,
// and count what they receive. [Swarm] spreads them over processes.
package swarm
