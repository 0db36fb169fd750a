package cli

import (
	"errors"

	"github.com/notifypush/notifypush/cli/doctor"
	"github.com/notifypush/notifypush/client"
)

const adviceSetup = "On the server, install the app Client Push (notify_push), run the push server, and let occ notify_push:setup https://.../push do the rest."

// advise says what to do about a failed login; package doctor does about what fails before. It says nothing when the error itself says all.
func (c *listenCommand) advise(err error) string {
	var nextcloud *client.NextcloudError
	switch {
	case errors.Is(err, client.ErrInvalidCredentials) && c.Token != "":
		return "A token is good for one login, within 15 s of being made."
	case errors.Is(err, client.ErrInvalidCredentials):
		return "User name or password is wrong. Users with two-factor authentication need an app password (Settings > Security)."
	case errors.Is(err, client.ErrUnknownToken):
		return "Probably the push server subscribes to another Redis than the one Nextcloud publishes to, or to none: run occ notify_push:self-test on the server."
	case errors.Is(err, client.ErrNoPush) && c.Token != "":
		return "Nextcloud names its push server only after a login: with --token, give the push server's own address, wss://.../push/ws, or user and password as well."
	case errors.Is(err, client.ErrNoPush):
		return adviceSetup
	case errors.Is(err, client.ErrLimitExceeded):
		return "Too many clients of this user are connected. End some, or raise --max-connections-per-user of the push server."
	case errors.Is(err, client.ErrAuthTimeout):
		return "User name and password did not reach the push server within 15 s: something between is very slow, or holds messages back."
	case errors.Is(err, client.ErrAuthMessage):
		return "Something between changes the messages, or what answers there is no push server for Nextcloud."
	case errors.Is(err, client.ErrSilent):
		return "Something between lost the connection without telling either side."
	case errors.As(err, &nextcloud):
		return "The push server is reached, but cannot reach Nextcloud to check the login. notify_push check on the server says more."
	default:
		return doctor.Advise(err)
	}
}
