// Package client receives pushes from a Nextcloud push daemon (the notify_push app), as desktop and mobile clients do.
//
// [Run] is all that most programs need: it finds the push server, logs in, hands on every push, and comes back after
// a lost connection without ever hurrying the server.
//
//	err := client.Run(ctx, client.Options{
//		Nextcloud: "https://cloud.example.com",
//		User:      "alice",
//		Password:  appPassword,
//	}, func(push client.Push) {
//		fmt.Println(push.At, push.Kind, push.Message)
//	})
//
// [Dial] gives one logged-in connection without the coming back, [Discover] only asks where the push server is. Pushes
// are hints: best effort is all that the server promises. A program that must not miss a change looks for changes whenever
// [Options.OnConnect] is called, and polls slowly besides.
package client
