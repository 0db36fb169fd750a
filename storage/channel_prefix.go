package storage

import (
	"slices"
	"strconv"
)

// ChannelPrefixes returns what stands before the names of the channels that are heard. Without a ChannelPrefix that is
// nothing, and what a change to the app that many installations have puts there: the index of the database, 0 included,
// and an underscore, as in 3_notify_activity. An ACL may forbid either. A cluster has no such index.
func (r *Redis) ChannelPrefixes() []string {
	c := r.current()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.heard != nil {
		return slices.Clone(c.heard)
	}
	return c.prefixes()
}

// prefixes returns those that are wanted, the one to publish with first.
func (c *client) prefixes() []string {
	switch {
	case c.options.ChannelPrefix != "":
		return []string{c.options.ChannelPrefix}
	case c.options.Cluster:
		return []string{""}
	default:
		return []string{"", strconv.Itoa(c.options.Database) + "_"}
	}
}
