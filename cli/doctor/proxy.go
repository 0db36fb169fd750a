package doctor

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// provokeTimeout is how long a proxy may take over a request that it refuses.
const provokeTimeout = 5 * time.Second

// proxy is the kind of reverse proxy that answers for the push server.
type proxy string

const (
	unknownProxy proxy = ""
	nginx        proxy = "nginx"
	apache       proxy = "Apache"
	caddy        proxy = "Caddy"
	haproxy      proxy = "HAProxy"
	traefik      proxy = "Traefik"
)

// recognise tells the proxy by what it adds to an answer. HAProxy and Traefik name themselves nowhere; their
// error pages give them away.
func recognise(a answer) proxy {
	server := strings.ToLower(strings.Join(append(a.header.Values("Server"), a.header.Values("Via")...), " "))
	switch {
	case strings.Contains(server, "nginx"), strings.Contains(server, "openresty"):
		return nginx
	case strings.Contains(server, "apache"):
		return apache
	case strings.Contains(server, "caddy"):
		return caddy
	case strings.Contains(server, "haproxy"), isHAProxyPage(a.body):
		return haproxy
	case a.body == "Bad Gateway" || a.body == "404 page not found\n" && a.header.Get("X-Content-Type-Options") == "nosniff":
		return traefik
	default:
		return unknownProxy
	}
}

// isHAProxyPage knows HAProxy's own pages: of a bad request, of no server, of a slow one, of a bad answer, and of a password.
func isHAProxyPage(body string) bool {
	return strings.HasPrefix(body, "<html><body><h1>") && slices.ContainsFunc(
		[]string{"Your browser sent an invalid request", "No server is available", "The server didn't respond in time", "The server returned an invalid or incomplete response", "You need a valid user and password"},
		func(sentence string) bool { return strings.Contains(body, sentence) })
}

// provoke has whatever is in front refuse a request itself, and so show its own page.
func (e *examination) provoke(ctx context.Context) (found proxy) {
	request := fmt.Sprintf("GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nnot a header\r\n\r\n", e.endpoint.Host)
	e.exchange(ctx, e.endpoint, request, func(reader *bufio.Reader) {
		if response, err := http.ReadResponse(reader, nil); err == nil {
			a, _ := readAnswer(response)
			found = recognise(a)
		}
	})
	return found
}

// exchange writes a request as it is and has its answer read. What fails is no finding.
func (e *examination) exchange(ctx context.Context, at *url.URL, request string, read func(*bufio.Reader)) {
	ctx, cancel := context.WithTimeout(ctx, provokeTimeout)
	defer cancel()
	conn, err := e.dial(ctx, at)
	if err != nil {
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(provokeTimeout))
	if _, err := io.WriteString(conn, request); err == nil {
		read(bufio.NewReader(conn))
	}
}

// cacheMark returns what says that an answer came out of a cache, "" where nothing does.
func cacheMark(header http.Header) string {
	for _, name := range []string{"X-Cache", "X-Cache-Status", "X-Proxy-Cache", "CF-Cache-Status"} {
		if strings.Contains(strings.ToUpper(header.Get(name)), "HIT") {
			return name + ": " + header.Get(name)
		}
	}
	if age := header.Get("Age"); age != "" && age != "0" {
		return "Age: " + age
	}
	return ""
}
