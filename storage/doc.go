// Package storage connects the push server to what Nextcloud shares with it: Redis, from which
// events come, and the mounts table of Nextcloud's database, which says who sees a storage. It
// implements the ports of package actors. A program that reads the mounts imports the driver of its
// database, such as
//
//	import _ "github.com/notifypush/notifypush/storage/postgres"
//
// Nothing connects before it is used, and nothing is retried here but a refused login, once, with options
// that changed: every failure is returned with what was tried, where, why it failed, and what to do. Passwords
// never appear in an error.
package storage
