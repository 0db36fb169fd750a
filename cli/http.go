package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
)

// maxAnswer is how much is read of what a server says.
const maxAnswer = 256 << 10

// get asks the server at address, host:port or the path of a unix socket, for a page. headers are names and values. Its certificate does not matter: nothing secret is sent.
func get(ctx context.Context, encrypted bool, address, page string, headers ...string) (status int, body string, err error) {
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
	for pair := range slices.Chunk(headers, 2) {
		request.Header.Set(pair[0], pair[1])
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, "", errors.Unwrap(err) // without the URL, whose host is made up
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return response.StatusCode, strings.TrimSpace(string(text)), err
}
