package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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

	// User and Password are those of a Nextcloud login; an app password serves best. Where these, Token and Credentials
	// are all empty nothing is sent: the push server knows who the client is by a cookie of HTTPClient, for example.
	User     string
	Password string
	// Credentials, when set, is asked at each login in the place of User and Password. Credentials that are refused end
	// Run only when it gives the same once more. Its error is one of the attempt.
	Credentials func(ctx context.Context) (user, password string, err error)
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
	// OnState is called by Run whenever it goes on to another state, before OnConnect and after OnDisconnect.
	OnState func(State)
}

// State is what Run is about.
type State string

// The states of Run, which begins with StateConnecting.
const (
	StateConnecting State = "connecting" // looking for the push server, and logging in
	StateConnected  State = "connected"
	StateWaiting    State = "waiting" // until the next attempt
	StateStopped    State = "stopped" // Run returns
)

// withCredentials returns the options of one attempt.
func (o Options) withCredentials(ctx context.Context) (Options, error) {
	if o.Credentials == nil || o.Token != "" {
		return o, nil
	}
	var err error
	if o.User, o.Password, err = o.Credentials(ctx); err != nil {
		return o, fmt.Errorf("credentials: %w", err)
	}
	o.Credentials = nil
	return o, nil
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
	return cmp.Or(o.HTTPClient, http.DefaultClient)
}
