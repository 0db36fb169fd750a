// Package actorstest helps to test what is built on package actors: sockets and ports that a test
// controls, and an actor that shows what it is sent.
//
// [Start] gives a running [actors.System] with all of it, and shuts it down when the test ends:
//
//	kit := actorstest.Start(t, nil)
//	alice := kit.Connect(t, "alice")
//	kit.Events.Emit("notify_activity", `{"user":"alice"}`)
//	alice.AwaitTexts(t, "authenticated", "notify_activity")
//
// Everything works inside a bubble of testing/synctest, where that test takes no time although
// the push is held for 100 ms; there, synctest.Wait replaces the Await methods.
package actorstest
