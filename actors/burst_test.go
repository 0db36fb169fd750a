package actors_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

// crowd connects users who see all of storage 1 and listen to file ids, and has the mapper learn that.
func crowd(t *testing.T, kit *actorstest.Kit, n int) (sockets []*actorstest.Socket) {
	t.Helper()
	var mounts []actors.Mount
	for i := range n {
		user := fmt.Sprint("user", i)
		mounts = append(mounts, mount(1, user, ""))
		sockets = append(sockets, kit.Connect(t, user))
		sockets[i].Say("listen notify_file_id")
	}
	kit.Mounts.Set(mounts...)
	publish(t, kit, fileEvent(1, 9999))
	pass(time.Minute)
	return sockets
}

// However many files of a storage change at once, its users are passed on twice: for the first file,
// and for all others. Every file is in the push.
func TestStormIsSentTogether(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		sockets := crowd(t, kit, 100)
		const events = 64
		before := kit.System.HandledByRegistries()
		var ids []string
		for id := range uint64(events) {
			publish(t, kit, fileEvent(1, id), fileEvent(1, id))
			ids = append(ids, fmt.Sprint(id))
		}
		pass(130 * time.Millisecond)
		const turns = 100 // each connection asks once for its turn to write
		require.LessOrEqual(t, kit.System.HandledByRegistries()-before, 2*4+turns)
		for _, socket := range sockets {
			require.Equal(t, []string{"notify_file_id [9999]", "notify_file_id [" + strings.Join(ids, ",") + "]"}, pushes(socket))
		}
	})
}

// More files than a push may name are a push without ids.
func TestLargeStormHasNoIDs(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		alice := crowd(t, kit, 1)[0]
		for id := range uint64(66) { // the first is pushed at once
			publish(t, kit, fileEvent(1, id))
		}
		pass(time.Minute)
		require.Equal(t, []string{"notify_file_id [9999]", "notify_file"}, pushes(alice))
	})
}

// A storm that goes on reaches the users as it goes, and a file that changes after it is
// pushed at once again.
func TestStormGoesOn(t *testing.T) {
	bubble(t, func(o *actors.Options) { o.MaxDebounceTime = new(time.Duration) }, func(t *testing.T, kit *actorstest.Kit) {
		alice := crowd(t, kit, 1)[0]
		for id := range uint64(200) {
			publish(t, kit, fileEvent(1, id))
			pass(10 * time.Millisecond)
		}
		require.GreaterOrEqual(t, sent(alice), 10, "2 s, at 150 ms each")
		pass(time.Second)
		before := sent(alice)
		publish(t, kit, fileEvent(1, 7777))
		pass(111 * time.Millisecond)
		require.Equal(t, before+1, sent(alice))
		require.Equal(t, "notify_file_id [7777]", pushes(alice)[before])
	})
}

// In a storm, too, everybody is sent what they see and nothing else, and each file once.
func TestStormBelowRoots(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		kit.Mounts.Set(mount(1, "all", ""), mount(1, "ann", "files/a"), mount(1, "ben", "files/b"),
			mount(1, "two", "files/a"), mount(1, "two", "files"))
		sockets := map[string]*actorstest.Socket{}
		for _, user := range []string{"all", "ann", "ben", "two"} {
			sockets[user] = kit.Connect(t, user)
			sockets[user].Say("listen notify_file_id")
		}
		for id, path := range []string{"x", "files/a/1", "files/b/2", "files/ab/3", "files/a/4"} {
			publish(t, kit, actors.StorageUpdate{Storage: 1, Path: path, FileID: uint64(id)})
			synctest.Wait()
		}
		pass(time.Minute)
		for user, want := range map[string]string{"all": "0,1,2,3,4", "ann": "1,4", "ben": "2", "two": "1,2,3,4"} {
			texts := pushes(sockets[user])
			require.Len(t, texts, 1, user)
			ids := strings.Split(strings.Trim(strings.TrimPrefix(texts[0], "notify_file_id "), "[]"), ",")
			require.Equal(t, want, strings.Join(slices.Sorted(slices.Values(ids)), ","), user)
		}
	})
}

// Storms in two storages don't mix, and a user of both is sent both.
func TestStormsOfTwoStorages(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		kit.Mounts.Set(mount(1, "alice", ""), mount(2, "alice", ""), mount(2, "bob", ""))
		alice, bob := kit.Connect(t, "alice"), kit.Connect(t, "bob")
		for _, socket := range []*actorstest.Socket{alice, bob} {
			socket.Say("listen notify_file_id")
		}
		for id := range uint64(4) {
			publish(t, kit, fileEvent(1+id%2, id))
			synctest.Wait()
		}
		pass(time.Minute)
		got := pushes(alice)
		require.Len(t, got, 1)
		require.Contains(t, []string{"notify_file_id [0,1,2,3]", "notify_file_id [0,1,3,2]"}, got[0], "bursts that end at once have no order")
		require.Equal(t, []string{"notify_file_id [1,3]"}, pushes(bob))
	})
}
