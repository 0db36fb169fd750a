package config

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/internal/testkit"
	"github.com/notifypush/notifypush/storage"
)

func TestDatabaseURL(t *testing.T) {
	tls := func(mode string) storage.DatabaseTLS { return storage.DatabaseTLS{Mode: mode} }
	testkit.RequireParses(t, parseDatabaseURL, map[string]storage.DatabaseOptions{
		"postgres://u:p@db:5433/nc":       {Driver: "postgres", Host: "db", Port: 5433, User: "u", Password: actors.Secret("p"), Name: "nc", TLS: tls("prefer")},
		"postgresql://db/nc":              {Driver: "postgres", Host: "db", Port: 5432, Name: "nc", TLS: tls("prefer")},
		"postgres:///nc":                  {Driver: "postgres", Port: 5432, Name: "nc", TLS: tls("prefer")},
		"postgres://u@[::1]:1/nc":         {Driver: "postgres", Host: "::1", Port: 1, User: "u", Name: "nc", TLS: tls("prefer")},
		"postgres://u@%2Frun%2Fpg/nc":     {Driver: "postgres", Socket: "/run/pg", Port: 5432, User: "u", Name: "nc", TLS: tls("prefer")},
		"postgres:///nc?host=/run/pg":     {Driver: "postgres", Socket: "/run/pg", Port: 5432, Name: "nc", TLS: tls("prefer")},
		"postgres://x:99/nc?host=/run/pg": {Driver: "postgres", Socket: "/run/pg", Port: 99, Name: "nc", TLS: tls("prefer")},
		"postgres://a:1,b:2/nc":           {Driver: "postgres", Hosts: []string{"a:1", "b:2"}, Port: 2, Name: "nc", TLS: tls("prefer")},
		"postgres://db/nc?sslmode=verify-full&sslrootcert=/ca&sslcert=/c&sslkey=/k&application_name=x": {
			Driver: "postgres", Host: "db", Port: 5432, Name: "nc", TLS: storage.DatabaseTLS{Mode: "verify-full", CA: "/ca", Cert: "/c", Key: "/k"}, Options: map[string]string{"application_name": "x"},
		},
		"postgres://db/?user=u&password=p%26&dbname=n": {Driver: "postgres", Host: "db", Port: 5432, User: "u", Password: actors.Secret("p&"), Name: "n", TLS: tls("prefer")},
		"mysql://u:p@db/nc":                            {Driver: "mysql", Host: "db", Port: 3306, User: "u", Password: actors.Secret("p"), Name: "nc", TLS: tls("prefer")},
		"mysql://u@localhost:3307/nc?socket=/s":        {Driver: "mysql", Socket: "/s", Port: 3307, User: "u", Name: "nc", TLS: tls("prefer")},
		"mysql://db/nc?ssl-mode=VERIFY_IDENTITY&ssl-ca=/ca&ssl-cert=/c&ssl-key=/k&charset=utf8mb4": {
			Driver: "mysql", Host: "db", Port: 3306, Name: "nc", TLS: storage.DatabaseTLS{Mode: "verify-full", CA: "/ca", Cert: "/c", Key: "/k"}, Options: map[string]string{"charset": "utf8mb4"},
		},
		"mysql://db/nc?ssl-mode=disabled": {Driver: "mysql", Host: "db", Port: 3306, Name: "nc", TLS: tls("disable")},
		"sqlite:/data/nc.db":              {Driver: "sqlite", Path: "/data/nc.db", TLS: tls("disable")},
		"sqlite:///data/n%20c.db?mode=ro": {Driver: "sqlite", Path: "/data/n c.db", TLS: tls("disable")},
		"sqlite://nc.db":                  {Driver: "sqlite", Path: "nc.db", TLS: tls("disable")},
	})
	for text, reason := range map[string]string{
		"":                               "not a URL",
		"db/nc":                          "not a URL",
		"oracle://u:hunter2@db/x":        "oracle",
		"mysql://u:hunter2@db":           "names no database",
		"mysql://u:hunter2@db:x0/nc?a=%": "parameters",
		"postgres://u:hunter2@db:70000/": "host and port",
		"postgres://u:hunter2":           "host and port",
		"mysql://u:hunter2/db":           "host and port",
		"postgres://db/nc?sslmode=maybe": "not a TLS mode",
		"mysql://db/nc?ssl-mode=maybe":   "ssl-mode",
		"sqlite:":                        "names no file",
	} {
		_, err := parseDatabaseURL(text)
		require.ErrorContains(t, err, reason, text)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestNextcloudURL(t *testing.T) {
	testkit.RequireParses(t, parseNextcloudURL, map[string]string{
		"cloud.example.com":           "https://cloud.example.com/",
		"//cloud.example.com/nc":      "https://cloud.example.com/nc/",
		"HTTP://Cloud:8080//":         "http://Cloud:8080/",
		"https://müller.example/wölk": "https://müller.example/wölk/",
		"https://x/nc?a=b#c":          "https://x/nc/",
	}, "ftp://x", "https://")
	for _, text := range []string{"ftp://u:hunter2@x", "https://u:hunter2@x"} {
		_, err := parseNextcloudURL(text)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

// Passwords survive a URL, escaped or as they are.
func TestPasswordsInURLs(t *testing.T) {
	var everything strings.Builder
	for c := '!'; c <= '~'; c++ {
		everything.WriteRune(c)
	}
	for _, password := range []string{everything.String(), "ü€😀 ", "a%b", "100%", "%41"} {
		database, err := parseDatabaseURL("mysql://u:" + url.QueryEscape(strings.ReplaceAll(password, " ", "+")) + "@db/nc")
		require.NoError(t, err)
		require.Equal(t, strings.ReplaceAll(password, " ", "+"), database.Password.Reveal())
	}
	for _, password := range []string{"p#ss", "p/ss", "p?ss", "p@ss", "p:ss", "a%b", "#/?", "x#y@z"} {
		for _, text := range []string{"postgres://u:" + password + "@db:5433/nc", "redis://u:" + password + "@db:5433/3"} {
			parsed, err := parseAddress(text)
			require.NoError(t, err)
			require.Equal(t, password, parsed.password, text)
			require.Equal(t, "db:5433", parsed.host, text)
		}
	}
}

func TestRedisURLs(t *testing.T) {
	parse := func(text string) (storage.RedisOptions, error) { return parseRedisURLs(splitURLs(text)) }
	single := func(address string) storage.RedisOptions { return storage.RedisOptions{Addresses: []string{address}} }
	with := func(redis storage.RedisOptions, change func(*storage.RedisOptions)) storage.RedisOptions {
		change(&redis)
		return redis
	}
	testkit.RequireParses(t, parse, map[string]storage.RedisOptions{
		"redis://redis":      single("redis://redis:6379"),
		"redis://redis:6380": single("redis://redis:6380"),
		"rediss://redis/":    single("rediss://redis:6379"),
		"redis://":           single("redis://127.0.0.1:6379"),
		"redis://[::1]:1/4":  with(single("redis://[::1]:1"), func(r *storage.RedisOptions) { r.Database = 4 }),
		"redis://:p@redis":   with(single("redis://redis:6379"), func(r *storage.RedisOptions) { r.Password = actors.Secret("p") }),
		"redis://u:p@redis":  with(single("redis://redis:6379"), func(r *storage.RedisOptions) { r.User, r.Password = "u", actors.Secret("p") }),
		"redis://u@redis":    single("redis://redis:6379"),
		"rediss://redis/#insecure": with(single("rediss://redis:6379"), func(r *storage.RedisOptions) {
			r.TLS.SkipVerifyPeer, r.TLS.SkipVerifyName = true, true
		}),
		"unix:///run/redis.sock": single("unix:///run/redis.sock"),
		"redis+unix:///run/redis.sock?db=2&user=u&pass=p": with(single("unix:///run/redis.sock"), func(r *storage.RedisOptions) {
			r.Database, r.User, r.Password = 2, "u", actors.Secret("p")
		}),
		"redis://a:1, rediss://u:p,x@b:2/3,redis://c": {
			Cluster: true, Addresses: []string{"redis://a:1", "rediss://b:2", "redis://c:6379"}, User: "u", Password: actors.Secret("p,x"),
		},
	})
	for text, reason := range map[string]string{
		"":                        "not a URL",
		"redis":                   "not a URL",
		"http://:hunter2@redis":   "http",
		"redis://:hunter2@r:a":    "host and port",
		"redis://:hunter2":        "host and port",
		"redis://u:hunter2/1":     "host and port",
		"redis://:hunter2@r/x":    "not the number of a database",
		"redis://:hunter2@r/-1":   "not the number of a database",
		"unix://":                 "names no socket",
		"redis://a,redis://b:x,c": "host and port",
	} {
		_, err := parse(text)
		require.ErrorContains(t, err, reason, text)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

// The scheme, host and port of a database's URL are the same whether it is read here or by net/url, where that reads it at all.
func FuzzDatabaseURL(f *testing.F) {
	for _, text := range []string{"postgres://u:p@a:1,b/nc?sslmode=require", "mysql://u:p#@h/nc", "sqlite:x", "mysql://[::1/", "postgres://%2Frun/x?host=/y", "://@:/?#"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		database, err := parseDatabaseURL(text)
		if err == nil {
			require.Contains(t, []string{"mysql", "postgres", "sqlite"}, database.Driver)
			require.Equal(t, database.Driver == "sqlite", database.Port == 0)
			require.False(t, database.Host != "" && database.Socket != "")
		}
	})
}

func FuzzRedisURL(f *testing.F) {
	for _, text := range []string{"redis://u:p@h:1/2", "rediss://[::1]", "unix:///s?db=1", "redis://a,redis://b", "redis://,,", "x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		redis, err := parseRedisURLs(splitURLs(text))
		if err == nil {
			require.NotEmpty(t, redis.Addresses)
			requireAddresses(t, redis.Addresses)
		}
	})
}

func FuzzRedisHost(f *testing.F) {
	for _, text := range []string{"redis", "tls://h:1", "/run/s", "unix://s", "::1", "[::1]:2", "a:b:c", "tcp://[", ":"} {
		f.Add(text, int64(0))
	}
	f.Fuzz(func(t *testing.T, host string, port int64) {
		if address, err := redisAddress(host, port, false); err == nil {
			requireAddresses(t, []string{address})
		}
	})
}

// requireAddresses holds addresses against what the connecting side can take apart.
func requireAddresses(t *testing.T, addresses []string) {
	t.Helper()
	for _, address := range addresses {
		if strings.HasPrefix(address, "unix:///") {
			continue
		}
		scheme, host, found := strings.Cut(address, "://")
		require.True(t, found && slices.Contains([]string{"redis", "rediss"}, scheme), address)
		require.NotEmpty(t, host)
		require.Positive(t, strings.LastIndexByte(host, ':'), address)
	}
}

func FuzzDatabaseHost(f *testing.F) {
	for _, text := range []string{"db", "db:1", "[::1]:2", "::1", "/s", "h:/s", "a,b:1", "h;sslmode=require;x=y", ":", "]:[", ",,"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		mysql, postgres := database{}, database{}
		if mysql.locateMySQL(text) == nil {
			require.NotZero(t, mysql.Port)
			require.NotEqual(t, mysql.Host == "", mysql.Socket == "")
		}
		if postgres.locatePostgres(text) == nil {
			require.NotZero(t, postgres.Port)
		}
	})
}

func FuzzNextcloudURL(f *testing.F) {
	for _, text := range []string{"cloud.example.com", "https://x/y//", "http://[::1]:80", "//h", "https://u:p@h", "a b", "%", "http://%41"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		once, err := parseNextcloudURL(text)
		if err != nil {
			return
		}
		require.True(t, strings.HasSuffix(once, "/") && !strings.HasSuffix(once, "//"), once)
		again, err := parseNextcloudURL(once)
		require.NoError(t, err)
		require.Equal(t, once, again)
	})
}
