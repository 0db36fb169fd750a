package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/notifypush/notifypush/client"
	"github.com/notifypush/notifypush/internal/errtext"
)

type listenCommand struct {
	URL      string `arg:"" name:"url" help:"Nextcloud's address, https://...; or the push server's own, wss://..., to skip the question to Nextcloud."`
	User     string `arg:"" optional:"" help:"Login name."`
	Password string `arg:"" optional:"" env:"NOTIFY_PUSH_PASSWORD" help:"Password, or better an app password. - reads it from standard input. Otherwise it is taken from NOTIFY_PUSH_PASSWORD, or asked for."`

	Token           string   `xor:"token" help:"Log in with this pre-authenticated token instead." placeholder:"TOKEN"`
	PreAuth         bool     `xor:"token" help:"Have Nextcloud make a token and log in with that, as its web pages do."`
	FileIDs         bool     `name:"file-ids" help:"Ask for the ids of changed files."`
	JSON            bool     `name:"json" help:"Print one JSON object a line for each push."`
	Count           int      `help:"End after so many pushes." placeholder:"N"`
	Timeout         duration `help:"End after this time: seconds, or a form like 1m30s." placeholder:"TIME"`
	AllowSelfSigned bool     `help:"Accept any certificate."`
	Insecure        bool     `help:"Log in also at an address without encryption, or on this machine, that an https Nextcloud names."`
}

// Help is printed below the flags.
func (*listenCommand) Help() string {
	return `Does what a desktop client does: asks Nextcloud where its push server is, logs in there, and prints each push as it comes. A lost connection is made again.

Exit status: 0 when all that was asked for came, 1 when something failed, 2 for arguments that do not fit, 3 when the login was refused, 4 when Nextcloud has no push server, 5 when the time was over before --count pushes came, or before there was a login.`
}

const (
	exitUsage        = exitStatus(2)
	exitRefused      = exitStatus(3)
	exitNoPushServer = exitStatus(4) // also of send
	exitTimeOver     = exitStatus(5)
)

var (
	errEnough   = errors.New("as many pushes as asked for")
	errTimeOver = errors.New("the time is over")
	errNoLogin  = errors.New("the time is over, and there was no login")
)

func (c *listenCommand) Run(p *process) error {
	opts, err := c.options(p)
	if err != nil {
		return p.misused("listen", err)
	}
	if transport, ok := opts.HTTPClient.Transport.(*http.Transport); ok {
		defer transport.CloseIdleConnections()
	}
	return c.result(p, c.listen(p, opts))
}

func (c *listenCommand) options(p *process) (client.Options, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: c.AllowSelfSigned} //nolint:gosec // only when the user asks for it
	opts := client.Options{
		User:       c.User,
		Token:      c.Token,
		PreAuth:    c.PreAuth,
		FileIDs:    c.FileIDs,
		Insecure:   c.Insecure,
		HTTPClient: &http.Client{Transport: transport},
	}
	if isPushServer(c.URL) {
		opts.Endpoint = c.URL
	} else {
		opts.Nextcloud = c.URL
	}

	switch {
	case c.Token != "":
		opts.Password = c.Password
		return opts, nil
	case c.PreAuth && opts.Endpoint != "":
		return opts, errors.New("--pre-auth needs Nextcloud's address, https://..., because Nextcloud makes the token")
	case c.User == "":
		return opts, errors.New("give a user and a password, or --token")
	}
	var err error
	opts.Password, err = readPassword(p, c.Password)
	return opts, err
}

func isPushServer(address string) bool {
	return strings.HasPrefix(address, "ws://") || strings.HasPrefix(address, "wss://")
}

// listen prints pushes until it has a reason to end, and returns that.
func (c *listenCommand) listen(p *process, opts client.Options) error {
	ctx, end := context.WithCancelCause(p.ctx)
	defer end(nil)
	var connected atomic.Bool
	if c.Timeout > 0 {
		timer := time.AfterFunc(time.Duration(c.Timeout), func() {
			if connected.Load() {
				end(errTimeOver)
			} else {
				end(errNoLogin)
			}
		})
		defer timer.Stop()
	}

	if opts.Endpoint == "" {
		capability, err := client.Discover(ctx, opts)
		if err != nil {
			return cmp.Or(context.Cause(ctx), err)
		}
		opts.Endpoint = capability.Endpoints.Websocket
		fmt.Fprintf(p.stderr, "Nextcloud names the push server %s, for %s.\n", withoutPassword(opts.Endpoint), errtext.Printable(strings.Join(capability.Types, ", ")))
	}

	opts.OnConnect = func() {
		connected.Store(true)
		fmt.Fprintf(p.stderr, "Logged in at %s, waiting for pushes.\n", withoutPassword(opts.Endpoint))
	}
	opts.OnDisconnect = func(reason error, retryIn time.Duration) {
		switch {
		case !connected.Load():
			end(reason)
		case c.Token != "":
			end(fmt.Errorf("the connection is lost, and a token logs in only once: %w", reason))
		default:
			fmt.Fprintf(p.stderr, "Connection lost: %s. Trying again in %s.\n", errtext.Printable(reason.Error()), retryIn.Round(time.Millisecond))
		}
	}
	count := 0
	return client.Run(ctx, opts, func(push client.Push) {
		if ctx.Err() != nil {
			return
		}
		if err := c.print(p.stdout, push); err != nil {
			end(fmt.Errorf("print a push: %w", err))
		}
		if count++; count == c.Count {
			end(errEnough)
		}
	})
}

func (c *listenCommand) print(w io.Writer, push client.Push) error {
	if c.JSON {
		return json.NewEncoder(errtext.JSONWriter(w)).Encode(push)
	}
	_, err := fmt.Fprintf(w, "%s  %s\n", push.At.Format("2006-01-02T15:04:05.000Z07:00"), errtext.Printable(push.String()))
	return err
}

func withoutPassword(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return "an address that cannot be read"
	}
	return errtext.Printable(parsed.Redacted())
}

// result says in words why listening ended, and turns it into the exit status.
func (c *listenCommand) result(p *process, reason error) error {
	switch {
	case errors.Is(reason, errEnough), errors.Is(reason, context.Cause(p.ctx)): // asked to end, either way
		return nil
	case errors.Is(reason, errTimeOver) && c.Count == 0:
		return nil
	case errors.Is(reason, errNoLogin):
		fmt.Fprintf(p.stderr, "Failed: there was no login within %s. Something on the way, or the push server, does not answer; notify_push doctor says which.\n", time.Duration(c.Timeout))
		return exitTimeOver
	case errors.Is(reason, errTimeOver):
		fmt.Fprintf(p.stderr, "Failed: %s passed before --count %d was reached.\n", time.Duration(c.Timeout), c.Count)
		return exitTimeOver
	}

	fmt.Fprintf(p.stderr, "Failed: %s.\n", errtext.Printable(reason.Error()))
	advice := c.advise(reason)
	if _, unsafe := errors.AsType[*client.UnsafeEndpointError](reason); unsafe {
		advice = "--insecure logs in there all the same."
	}
	if advice != "" {
		fmt.Fprintln(p.stderr, advice)
	}
	switch {
	case errors.Is(reason, client.ErrInvalidCredentials):
		return exitRefused
	case errors.Is(reason, client.ErrNoPush):
		return exitNoPushServer
	default:
		return exitStatus(1)
	}
}
