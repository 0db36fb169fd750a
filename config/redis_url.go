package config

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/storage"
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
func parseRedisURLs(texts []string) (storage.RedisOptions, error) {
	var redis storage.RedisOptions
	for i, text := range texts {
		one, err := parseRedisURL(text)
		if err != nil {
			return storage.RedisOptions{}, err
		}
		if i == 0 {
			redis = one
			continue
		}
		redis.Addresses = append(redis.Addresses, one.Addresses...)
		if redis.Password == "" {
			redis.User, redis.Password = one.User, one.Password
		}
	}
	if len(texts) > 1 {
		redis.Cluster, redis.Database = true, 0
	}
	return redis, nil
}

func parseRedisURL(text string) (storage.RedisOptions, error) {
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
		redis.TLS.SkipVerifyPeer, redis.TLS.SkipVerifyName = true, true
	}
	redis.User, redis.Password = parsed.user, actors.Secret(parsed.password)
	take(parsed.query, map[string]func(string){
		"db":   func(value string) { database = value },
		"user": func(value string) { redis.User = value },
		"pass": func(value string) { redis.Password = actors.Secret(value) },
	})
	if redis.Password == "" {
		redis.User = ""
	}
	if database = strings.Trim(database, "/"); database != "" {
		if redis.Database, err = strconv.Atoi(database); err != nil || redis.Database < 0 {
			return redis, errors.New("what follows the address is not the number of a database; a / or @ in a password is %2F or %40")
		}
	}
	return redis, nil
}
