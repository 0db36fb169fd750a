package actors

import (
	"strconv"

	"github.com/asynkron/protoactor-go/actor"
	cmap "github.com/orcaman/concurrent-map"
)

// processShards is how many maps the table of processes has; each has 32 parts with a lock of their own.
const processShards = 4

// shrinkProcessTable gives a runtime that nothing runs in yet a smaller table of processes. Its own has 32,768 maps: 190 bytes a
// connection where there are 15,000 while they are empty, and twice as much again where each has one or two entries. Where an int has 32
// bits there is one: the runtime takes a hash of 32 bits as an int for the index, which is negative for every other name then.
func shrinkProcessTable(own *actor.ActorSystem) {
	shards := processShards
	if strconv.IntSize == 32 {
		shards = 1
	}
	table := &actor.SliceMap{LocalPIDs: make([]cmap.ConcurrentMap, shards)}
	for i := range table.LocalPIDs {
		table.LocalPIDs[i] = cmap.New()
	}
	for _, old := range own.ProcessRegistry.LocalPIDs.LocalPIDs {
		old.IterCb(func(id string, process any) { table.GetBucket(id).Set(id, process) })
	}
	own.ProcessRegistry.LocalPIDs = table
}
