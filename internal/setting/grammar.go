package setting

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// parseBoolean takes 1, true, yes, on and 0, false, no, off, in any case.
func parseBoolean(text string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "1", "true", "yes", "on":
		return true, nil
	case "0", "false", "no", "off":
		return false, nil
	}
	return false, fmt.Errorf("%q is not a boolean; write 1, true, yes or on, or 0, false, no or off", text)
}

// ParsePort takes a number from 0 to 65535.
func ParsePort(text string) (uint16, error) {
	port, err := strconv.ParseUint(strings.TrimSpace(text), 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is not a port; write a number from 0 to 65535", text)
	}
	return uint16(port), nil
}

// parseCount takes a whole number from 0 up.
func parseCount(text string) (int, error) {
	count, err := strconv.ParseUint(strings.TrimSpace(text), 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%q is not a count; write a whole number from 0 to %d", text, math.MaxInt32)
	}
	return int(count), nil
}

// parsePositive takes a whole number from 1 up.
func parsePositive(text string) (int, error) {
	count, err := parseCount(text)
	if err == nil && count == 0 {
		err = errors.New("0 is too few; write 1 or more")
	}
	return count, err
}

// LongestTime keeps sums of durations and clock times far from overflow.
const LongestTime = 100 * 365 * 24 * time.Hour

// ParseDuration takes plain seconds, whole or not, and Go's durations such as 1m30s.
func ParseDuration(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	seconds, err := strconv.ParseFloat(text, 64)
	if err == nil && seconds >= 0 && seconds <= LongestTime.Seconds() {
		return time.Duration(seconds * float64(time.Second)), nil
	}
	duration, err := time.ParseDuration(text)
	if err == nil && duration >= 0 && duration <= LongestTime {
		return duration, nil
	}
	return 0, fmt.Errorf("%q is not a length of time; write seconds, or a form like 1m30s", text)
}

// parsePermissions takes octal digits, with or without a leading 0 or 0o.
func parsePermissions(text string) (fs.FileMode, error) {
	digits := strings.ToLower(strings.TrimSpace(text))
	mode, err := strconv.ParseUint(strings.TrimPrefix(digits, "0o"), 8, 32)
	if err != nil || mode > 0o777 {
		return 0, fmt.Errorf("%q are not permissions; write them like 660, 0660 or 0o660", text)
	}
	return fs.FileMode(mode), nil
}

// parseLogFormat takes console and json.
func parseLogFormat(text string) (string, error) {
	format := strings.ToLower(strings.TrimSpace(text))
	if format != "console" && format != "json" {
		return "", fmt.Errorf("%q is not a log format; write console or json", text)
	}
	return format, nil
}

// parseAddress takes an IP address, with or without brackets.
func parseAddress(text string) (string, error) {
	address, err := netip.ParseAddr(strings.Trim(strings.TrimSpace(text), "[]"))
	if err != nil {
		return "", fmt.Errorf("%q is not an IP address; write one like :: or 127.0.0.1", text)
	}
	return address.String(), nil
}

// parseDial takes host:port or the path of a unix socket, which may say unix: before it.
func parseDial(text string) (string, error) {
	text = strings.TrimSpace(text)
	path := strings.TrimPrefix(strings.TrimPrefix(text, "unix:"), "//")
	if strings.HasPrefix(path, "/") {
		return path, nil
	}
	host, port, err := net.SplitHostPort(text)
	if err == nil && host != "" {
		if number, err := ParsePort(port); err == nil && number != 0 {
			return net.JoinHostPort(host, port), nil
		}
	}
	return "", fmt.Errorf("%q is not an address to dial; write HOST:PORT or the path of a unix socket", text)
}

// ParsePrefix takes a CIDR range, or an IP address, which is a range of one.
func ParsePrefix(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	return netip.ParsePrefix(text)
}

// parsePrefixes takes IP addresses and CIDR ranges between commas or spaces.
func parsePrefixes(text string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		prefix, err := ParsePrefix(part)
		if err != nil {
			return nil, fmt.Errorf("%q is neither an IP address nor a range like 10.0.0.0/8", part)
		}
		prefixes = append(prefixes, prefix.Masked())
	}
	return prefixes, nil
}
