package config

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// nextURL is where another URL of a list begins; a comma elsewhere belongs to a password.
var nextURL = regexp.MustCompile(`,\s*[a-z+]+:/`)

// splitURLs splits URLs between commas.
func splitURLs(text string) []string {
	var urls []string
	for {
		at := nextURL.FindStringIndex(text)
		if at == nil {
			return append(urls, strings.Trim(text, ", \t\r\n"))
		}
		urls = append(urls, strings.TrimSpace(text[:at[0]]))
		text = text[at[0]+1:]
	}
}

// parseRedisURLs makes one server of one URL, and a cluster of several. User, password and TLS of a cluster are those of the first URL that
// has some.
func parseRedisURLs(texts []string) (Redis, error) {
	var redis Redis
	for i, text := range texts {
		one, err := parseRedisURL(text)
		if err != nil {
			return Redis{}, err
		}
		if i == 0 {
			redis = one
			continue
		}
		redis.Addresses = append(redis.Addresses, one.Addresses...)
		if redis.Password.Reveal() == "" {
			redis.User, redis.Password = one.User, one.Password
		}
	}
	if len(texts) > 1 {
		redis.Mode, redis.Database = RedisCluster, 0
	}
	return redis, nil
}

func parseRedisURL(text string) (Redis, error) {
	redis := defaultRedis()
	parsed, err := parseAddress(text)
	if err != nil {
		return redis, err
	}
	database := parsed.path
	switch parsed.scheme {
	case "redis", "rediss":
		address, err := redisAddress(parsed.scheme+"://"+parsed.host, 0, false)
		if err != nil {
			return redis, errAddress
		}
		redis.Addresses = []string{address}
	case "unix", "redis+unix":
		if parsed.host+parsed.path == "" {
			return redis, errors.New("it names no socket; write unix:///path/redis.sock")
		}
		database = ""
		redis.Addresses = []string{"unix:///" + strings.TrimLeft(parsed.host+"/"+parsed.path, "/")}
	default:
		return redis, fmt.Errorf("%q is not a scheme of Redis; write redis://, rediss:// or unix://", parsed.scheme)
	}
	if parsed.fragment == "insecure" {
		redis.TLS.VerifyPeer, redis.TLS.VerifyName = false, false
	}
	redis.User, redis.Password = parsed.user, NewSecret(parsed.password)
	take(parsed.query, map[string]func(string){
		"db":   func(value string) { database = value },
		"user": func(value string) { redis.User = value },
		"pass": func(value string) { redis.Password = NewSecret(value) },
	})
	if redis.Password.Reveal() == "" {
		redis.User = ""
	}
	if database = strings.Trim(database, "/"); database != "" {
		if redis.Database, err = strconv.Atoi(database); err != nil || redis.Database < 0 {
			return redis, fmt.Errorf("%q is not the number of a database", database)
		}
	}
	return redis, nil
}
