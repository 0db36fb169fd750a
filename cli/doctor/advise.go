package doctor

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/notifypush/notifypush/client"
)

// Advise says what to do about an error of package client, of the network or of TLS, on the way to Nextcloud or to the push server;
// "" where the error itself says all.
func Advise(err error) string {
	var status *client.StatusError
	var certificate *tls.CertificateVerificationError
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &status):
		return adviseStatus(status)
	case errors.As(err, &certificate):
		_, advice := describeCertificate(certificate.UnverifiedCertificates, certificate.Err)
		return advice
	case errors.As(err, new(tls.RecordHeaderError)), errors.Is(err, http.ErrSchemeMismatch):
		return "There is no TLS at this port: write http:// or ws:// if that is meant, or give the port that has it."
	case isHTTP2(err):
		return withLines(HTTP2WithoutTLS)
	case errors.As(err, &dns):
		return "The name is not known here: is it spelled right?"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "Nothing listens at this address and port."
	case errors.As(err, &timeout) && timeout.Timeout():
		return "Nothing answers there in time: a firewall, the wrong address, or something on the way that holds answers back?"
	case client.CloseCode(err) != 0:
		return "The server ended the connection of its own accord; its log says why."
	default:
		return ""
	}
}

func adviseStatus(err *client.StatusError) string {
	if err.Request == client.RequestWebsocket {
		if fault, known := faultOfHandshake(err.Status); known {
			return withLines(fault)
		}
		if err.Status == http.StatusTooManyRequests {
			return "Too many logins from this address have failed. Wait some minutes, or clear it on the status page."
		}
		return "The push server never answers so; look into the log of the reverse proxy."
	}
	switch err.Status {
	case http.StatusBadRequest:
		return "If this name is right, add it to trusted_domains in Nextcloud's config.php."
	case http.StatusUnauthorized: // by a web server
		return withLines(BasicAuth)
	case http.StatusForbidden, http.StatusPreconditionFailed:
		return "Nextcloud does not allow this: is the app Client Push (notify_push) enabled for this user?"
	case http.StatusNotFound:
		return "There is no Nextcloud at this address. If it is in a folder, name that, too: https://example.com/nextcloud"
	case http.StatusTooManyRequests:
		return "Nextcloud slows this address down after too many wrong passwords. Wait, or clear it with occ security:bruteforce:reset ADDRESS."
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return "The web server cannot reach Nextcloud: is PHP running?"
	case http.StatusServiceUnavailable:
		return "Nextcloud is in maintenance mode or overloaded. Try again later."
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return "Give the address that browsers end at."
	default:
		return "Nextcloud's own log says more."
	}
}

// faultOfHandshake is what a status means that a handshake is answered with, instead of 101.
func faultOfHandshake(status int) (fault Fault, known bool) {
	switch status {
	case http.StatusOK, http.StatusNotFound, http.StatusMethodNotAllowed:
		return NoLocation, true
	case http.StatusBadRequest, http.StatusUpgradeRequired:
		return NoUpgrade, true
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return Redirected, true
	case http.StatusUnauthorized:
		return BasicAuth, true
	case http.StatusForbidden:
		return Refused, true
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return NoServer, true
	case http.StatusServiceUnavailable:
		return Full, true
	default:
		return 0, false
	}
}

// withLines is the advice about a fault, with the lines of every proxy below.
func withLines(f Fault) string { return Remedy(f, "\n    ") }

// isHTTP2 recognises the first frame of HTTP/2 where an HTTP/1.1 answer was due.
func isHTTP2(err error) bool {
	return err != nil && strings.Contains(err.Error(), `malformed HTTP response "\x00\x00`)
}
