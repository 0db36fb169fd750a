package client

import (
	"fmt"
	"strings"
)

const (
	authenticated = "authenticated"
	listenFileIDs = "listen notify_file_id"

	limitExceeded        = "Connection limit exceeded for user"
	nextcloudErrorPrefix = "err: Error while sending authentication request to nextcloud:"
)

// ParseLogin reads the text with which a push server answers a login: nil when it let the client in, else one of
// [ErrInvalidCredentials], [ErrAuthMessage], [ErrAuthTimeout], [ErrLimitExceeded] or a [*NextcloudError]; an unknown
// answer is an error that quotes it.
func ParseLogin(text string) error {
	switch text {
	case authenticated:
		return nil
	case "err: Invalid credentials":
		return ErrInvalidCredentials
	case "err: Invalid authentication message":
		return ErrAuthMessage
	case "Authentication timeout":
		return ErrAuthTimeout
	case limitExceeded:
		return ErrLimitExceeded
	}
	if reason, found := strings.CutPrefix(text, nextcloudErrorPrefix); found {
		return &NextcloudError{Text: strings.TrimSpace(reason)}
	}
	return fmt.Errorf("unknown answer to the login: %.200q", text)
}
