package config

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// address is a URL of a database or of Redis, taken apart.
type address struct {
	scheme         string
	user, password string
	host           string // with its port, as written
	path           string // without the slash that ends the host
	query          url.Values
	fragment       string
}

// errAddress does not quote the URL, because the part that cannot be read may be a password that lacks its @.
var errAddress = errors.New("its host and port cannot be read; a URL is SCHEME://USER:PASSWORD@HOST:PORT/NAME")

// parseAddress takes URLs apart as people write them: in the password, characters that ought to be escaped are taken as they are.
func parseAddress(text string) (address, error) {
	scheme, rest, found := strings.Cut(strings.TrimSpace(text), "://")
	if !found || strings.ContainsAny(scheme, "/@?#") {
		return address{}, errors.New("it is not a URL, which begins like redis:// or postgres://")
	}
	parsed := address{scheme: strings.ToLower(scheme)}
	authority, rest := cutAuthority(rest)
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		user, password, _ := strings.Cut(authority[:at], ":")
		parsed.user, parsed.password = unescape(user), unescape(password)
		authority = authority[at+1:]
	}
	parsed.host = unescape(authority)
	rest, fragment, _ := strings.Cut(rest, "#")
	path, query, _ := strings.Cut(rest, "?")
	parsed.path, parsed.fragment = unescape(strings.TrimPrefix(path, "/")), fragment
	var err error
	if parsed.query, err = url.ParseQuery(query); err != nil {
		return address{}, errors.New("its parameters cannot be read; they are ?NAME=VALUE&NAME=VALUE, with %25 for a %")
	}
	return parsed, nil
}

// cutAuthority cuts where the host ends: at the first slash, question mark or hash, unless what stands before it is a user and the beginning of
// a password.
func cutAuthority(text string) (authority, rest string) {
	end := strings.IndexAny(text, "/?#")
	if end < 0 {
		return text, ""
	}
	authority = text[:end]
	_, begun, colon := strings.Cut(authority, ":")
	at := strings.LastIndexByte(text, '@')
	if at > end && colon && !strings.ContainsAny(authority, "@[") && !isDigits(begun) {
		end = len(text)
		if next := strings.IndexAny(text[at:], "/?#"); next >= 0 {
			end = at + next
		}
	}
	return text[:end], text[end:]
}

// unescape decodes %XX; a text with a % of another meaning stays as it is.
func unescape(text string) string {
	decoded, err := url.PathUnescape(text)
	if err != nil {
		return text
	}
	return decoded
}

// parseNextcloudURL completes Nextcloud's URL: https where no scheme is written, the path kept, one slash at the end.
func parseNextcloudURL(text string) (string, error) {
	text = withScheme(text)
	parsed, err := url.Parse(text)
	switch {
	case err != nil, strings.HasSuffix(parsed.Host, ":"): // of https:/name, or without a port
		return "", fmt.Errorf("%s is not a URL; write one like https://cloud.example.com/", schemeOf(text))
	case parsed.Scheme != "http" && parsed.Scheme != "https":
		return "", fmt.Errorf("%s://%s is neither an http nor an https URL", parsed.Scheme, parsed.Host)
	case parsed.Hostname() == "":
		return "", fmt.Errorf("%s names no host; write a URL like https://cloud.example.com/", schemeOf(text))
	case parsed.User != nil:
		return "", fmt.Errorf("%s%s holds a user name, and must not: each client brings its own", schemeOf(text), "@"+parsed.Host)
	}
	// The text itself is kept, because a URL that is written anew would have a name like müller.example in another spelling.
	text, _, _ = strings.Cut(text, "#")
	text, _, _ = strings.Cut(text, "?")
	return parsed.Scheme + "://" + strings.TrimRight(text[strings.Index(text, "://")+3:], "/") + "/", nil
}

// withScheme completes a URL that has no scheme.
func withScheme(text string) string {
	text = strings.TrimSpace(text)
	if !strings.Contains(text, "://") {
		text = "https://" + strings.TrimLeft(text, "/")
	}
	return text
}

// hostOf is the host of a URL, which may lack its scheme: a name, or an address, which as IPv6 is in brackets. It is empty where there is none.
func hostOf(text string) string {
	parsed, err := url.Parse(withScheme(text))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(parsed.Host, ":"+parsed.Port())
}

// schemeOf is a URL up to //, behind which a password may be.
func schemeOf(text string) string {
	scheme, _, _ := strings.Cut(text, "://")
	if strings.ContainsFunc(scheme, func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '+') }) {
		scheme = "?"
	}
	return scheme + "://***"
}
