package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
)

// maxAnswer is how much is read of what a server says.
const maxAnswer = 64 << 10

// get asks the server at address, host:port or the path of a unix socket, for a page. Its certificate does not matter: nothing secret is sent.
func get(ctx context.Context, encrypted bool, address, page string) (status int, body string, err error) {
	network, scheme := "tcp", "http"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	if encrypted {
		scheme = "https"
	}
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // nothing secret is sent
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://notify_push"+page, nil)
	if err != nil {
		return 0, "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, "", errors.Unwrap(err) // without the URL, whose host is made up
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return response.StatusCode, strings.TrimSpace(string(text)), err
}
