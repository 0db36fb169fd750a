package client

import (
	"errors"
	"net/http"
	"time"
)

// Options say where the push server is, who logs in, and what to ask for. Either Nextcloud or Endpoint must be set.
type Options struct {
	// Nextcloud is the address of the Nextcloud that is asked for its push server, such as https://cloud.example.com or
	// https://example.com/nextcloud. Without a scheme https is meant.
	Nextcloud string
	// Endpoint is the push server's own address, such as wss://cloud.example.com/push/ws. When it is set, Nextcloud is
	// not asked for it.
	Endpoint string

	// User and Password are those of a Nextcloud login; an app password serves best.
	User     string
	Password string
	// Token, when set, logs in instead of User and Password. A token is good for one login within 15 s, so that a
	// connection lost later cannot come back with it.
	Token string
	// PreAuth lets Nextcloud check User and Password and give a token for each login, so that the push server never
	// sees the password. Needs Nextcloud.
	PreAuth bool

	// Insecure sends the password, or the token, also to an address without encryption, or on this machine, that an https Nextcloud
	// named.
	Insecure bool

	// FileIDs asks for the ids of changed files; a push then is of kind FileIDs whenever all ids are known.
	FileIDs bool

	// HTTPClient makes every request and the websocket's connection: its Transport decides about trust, proxies and
	// local addresses. Nil means http.DefaultClient. Its Timeout does not end a websocket once that is open.
	HTTPClient *http.Client

	// OnConnect is called by Run after each login. What changed before is unknown: the time to look for changes.
	OnConnect func()
	// OnDisconnect is called by Run when a connection could not be made or was lost, with the reason and the time until
	// the next attempt.
	OnDisconnect func(reason error, retryIn time.Duration)
}

func (o *Options) validate() error {
	switch {
	case o.Nextcloud == "" && o.Endpoint == "":
		return errors.New("neither the address of a Nextcloud nor of a push server is given")
	case o.PreAuth && o.Nextcloud == "":
		return errors.New("a token can be fetched only from a Nextcloud, and no address of one is given")
	}
	return nil
}

func (o *Options) httpClient() *http.Client {
	if o.HTTPClient != nil {
		return o.HTTPClient
	}
	return http.DefaultClient
}
