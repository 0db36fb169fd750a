// Package storagetest starts real servers for tests: Redis, Redis Cluster, PostgreSQL and MariaDB,
// each on a free loopback port and in a temporary directory of its own, and ends them with the test.
//
// A test whose server is not installed is skipped, unless REQUIRE_SERVICES=1 is set: then it fails.
package storagetest
