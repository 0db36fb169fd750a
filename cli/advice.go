package cli

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"syscall"

	"github.com/notifypush/notifypush/client"
)

const (
	adviceUpgrade = `The reverse proxy does not pass the websocket on. nginx needs, in the location of the push server:
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "Upgrade";
Apache needs mod_proxy_wstunnel and: ProxyPass /push/ws ws://127.0.0.1:7867/ws`
	adviceCertificate = "If this certificate is meant to be there, --allow-self-signed accepts it; other clients need one that they can trust."
	adviceSetup       = "On the server, install the app Client Push (notify_push), run the push server, and let occ notify_push:setup https://.../push do the rest."
)

// advise says what to do about a failed connection; it says nothing when the error itself says all.
func (c *listenCommand) advise(err error) string {
	var status *client.StatusError
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
	case errors.As(err, &status):
		return adviseStatus(status)
	default:
		return adviseNetwork(err)
	}
}

func adviseStatus(err *client.StatusError) string {
	if err.Request == client.RequestWebsocket {
		return adviseHandshake(err.Status)
	}
	switch err.Status {
	case http.StatusBadRequest:
		return "If this name is right, add it to trusted_domains in Nextcloud's config.php."
	case http.StatusForbidden, http.StatusPreconditionFailed:
		return "Nextcloud does not allow this: is the app Client Push (notify_push) enabled for this user?"
	case http.StatusNotFound:
		return "There is no Nextcloud at this address. If it is in a folder, name that, too: https://example.com/nextcloud"
	case http.StatusTooManyRequests:
		return "Nextcloud slows this address down after too many wrong passwords. Wait, or clear it with occ security:bruteforce:reset ADDRESS."
	case http.StatusServiceUnavailable:
		return "Nextcloud is in maintenance mode or overloaded. Try again later."
	default:
		return "Nextcloud's own log says more."
	}
}

func adviseHandshake(status int) string {
	switch status {
	case http.StatusOK, http.StatusNotFound, http.StatusMethodNotAllowed:
		return "This address leads to something else than the push server: does the reverse proxy pass its path, usually /push/, on to it, before the rules of Nextcloud?"
	case http.StatusBadRequest, http.StatusUpgradeRequired:
		return adviceUpgrade
	case http.StatusForbidden, http.StatusUnauthorized:
		return "The reverse proxy refuses this address; the push server itself never does."
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return "The reverse proxy cannot reach the push server: does that run, on the port that the proxy names, and is the proxy allowed to connect (SELinux)?"
	case http.StatusServiceUnavailable:
		return "The push server holds all the connections it may, or is not running behind the proxy."
	default:
		return "The push server never answers so; look into the log of the reverse proxy."
	}
}

func adviseNetwork(err error) string {
	var certificate *tls.CertificateVerificationError
	var hostname x509.HostnameError
	var record tls.RecordHeaderError
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &hostname):
		return "The certificate is for another name. Use that name, or get a certificate for this one."
	case errors.As(err, &certificate):
		return adviceCertificate
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "There is no TLS at this port: write http:// or ws:// if that is meant."
	case errors.As(err, &dns):
		return "The name is not known here: is it spelled right?"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "Nothing listens at this address and port."
	case errors.As(err, &timeout) && timeout.Timeout():
		return "Nothing answers there: a firewall, or the wrong address?"
	case client.CloseCode(err) != 0:
		return "The server ended the connection of its own accord; its log says why."
	default:
		return ""
	}
}
