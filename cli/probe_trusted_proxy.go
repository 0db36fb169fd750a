package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/cli/doctor"
	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/internal/errtext"
	"github.com/notifypush/notifypush/storage"
	"github.com/notifypush/notifypush/transport/nextcloud"
)

// forwardedHeader is the only header that a client's address is put into, by the name that forwarded_for_headers has for it.
const forwardedHeader = "HTTP_X_FORWARDED_FOR"

// askedAbout is the address of a client that does not exist, as the self test's is.
var askedAbout = netip.MustParseAddr("1.2.3.4")

// borrowedTokenTTL is how long a token is in Redis at most that check put there.
const borrowedTokenTTL = 10 * time.Second

// tokenTries is how often Nextcloud is asked while it refuses the token: a self test that begins meanwhile puts
// another one there.
const tokenTries = 3

// probeTrustedProxy asks Nextcloud, by the same way that logins take, whom it takes for the client.
func probeTrustedProxy(ctx context.Context, settings config.Settings, client *nextcloud.Client, status nextcloud.ServerStatus, mayAsk bool) finding {
	const name = "trusted proxy"
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	headers := settings.Instance.ForwardedForHeaders.Texts
	if len(headers) > 0 && !slices.Contains(headers, forwardedHeader) {
		return finding{name, red, "forwarded_for_headers in config.php leaves " + forwardedHeader + " out, so Nextcloud does not believe X-Forwarded-For of anybody",
			"Add '" + forwardedHeader + "' to forwarded_for_headers in config.php, or remove that key."}
	}
	if !mayAsk {
		return notAsked(settings, status, " (--no-probe)")
	}
	seen, remark, err := askRemote(ctx, settings, client)
	for tries := 1; errors.Is(err, nextcloud.ErrTokenRefused) && tries < tokenTries; tries++ {
		seen, remark, err = askRemote(ctx, settings, client)
	}
	switch {
	case errors.As(err, new(noTokenError)):
		return notAsked(settings, status, ": "+err.Error())
	case errors.Is(err, nextcloud.ErrTokenRefused):
		return finding{name, red, "Nextcloud refuses the token that is in this Redis: it uses another one, or another database (dbindex) of it" + remark,
			"The push server must use the Redis of Nextcloud's config.php; without a REDIS_URL it does."}
	case err != nil:
		return finding{name, red, errtext.Detail(err), adviseNextcloud(err)}
	case seen == askedAbout.String():
		return finding{name, green, "Nextcloud believes X-Forwarded-For of this machine" + remark, ""}
	}
	return judgeSeen(settings, status, seen, remark)
}

// noTokenError is why there is no token to ask with.
type noTokenError struct{ error }

// askRemote asks Nextcloud with the token of the self test.
func askRemote(ctx context.Context, settings config.Settings, client *nextcloud.Client) (seen, remark string, err error) {
	token, remark, giveBack, err := borrowToken(ctx, settings.Redis)
	if err != nil {
		return "", "", noTokenError{err}
	}
	defer giveBack()
	seen, err = client.TestRemote(ctx, actors.Secret(token), askedAbout)
	return seen, remark, err
}

// notAsked compares addresses, which finds less.
func notAsked(settings config.Settings, status nextcloud.ServerStatus, why string) finding {
	advice := "occ notify_push:self-test asks, too."
	if !isTrustedProxy(status.Source, settings.Instance.TrustedProxies) {
		advice += " " + adviseProxy(settings, status.Source)
	}
	return finding{"trusted proxy", yellow, "Nextcloud was not asked" + why + sourceRemark(settings, status), advice}
}

// judgeSeen says why Nextcloud takes another address for the client's.
func judgeSeen(settings config.Settings, status nextcloud.ServerStatus, seen, remark string) finding {
	const name = "trusted proxy"
	trusted := settings.Instance.TrustedProxies
	detail := "Nextcloud takes " + seen + " for the client instead of the one in X-Forwarded-For" + remark
	address, err := netip.ParseAddr(seen)
	switch {
	case err != nil && !status.Source.IsValid():
		return finding{name, red, detail + "; a unix socket has no address, so its web server makes one up",
			"Let the web server take it from X-Forwarded-For; nginx does with: set_real_ip_from unix:; real_ip_header X-Forwarded-For;"}
	case err == nil && trusted.Texts != nil && isTrustedProxy(address, trusted):
		return finding{name, red, detail + ", although it trusts " + seen + ": a proxy between replaces or removes the header",
			doctor.Remedy(doctor.ReplacedForwardedFor, " ")}
	case status.Source.IsValid() && address != status.Source:
		return finding{name, red, detail + "; calls go out from " + status.Source.String() + ", and a router or a proxy on the way puts its own address in their place",
			adviseProxy(settings, address) + " Or stay inside with --nextcloud-connect-to."}
	default:
		return finding{name, red, detail + ": it is none of Nextcloud's trusted_proxies", adviseProxy(settings, address)}
	}
}

func adviseProxy(settings config.Settings, address netip.Addr) string {
	if !address.IsValid() {
		return "trusted_proxies of config.php must have the address that Nextcloud sees."
	}
	return adviseToAdd("trusted_proxies", settings.Instance.TrustedProxies, address.String())
}

// sourceRemark compares the address that calls go out from with those that Nextcloud trusts.
func sourceRemark(settings config.Settings, status nextcloud.ServerStatus) string {
	trusted := settings.Instance.TrustedProxies
	switch {
	case !status.Source.IsValid():
		return "; a unix socket has no address"
	case trusted.Texts == nil:
		return fmt.Sprintf("; calls go out from %s, and Nextcloud's trusted_proxies is not known here", status.Source)
	case isTrustedProxy(status.Source, trusted):
		return fmt.Sprintf("; calls go out from %s, which is one of Nextcloud's trusted_proxies", status.Source)
	default:
		return fmt.Sprintf("; calls go out from %s, which is none of Nextcloud's trusted_proxies", status.Source)
	}
}

// isTrustedProxy compares as Nextcloud does: with addresses and with ranges, and with nothing else.
func isTrustedProxy(source netip.Addr, trusted config.List) bool {
	return slices.ContainsFunc(trusted.Prefixes(), func(p netip.Prefix) bool { return p.Contains(source) })
}

// borrowToken returns the self test's token, which lies in Redis since the last one. Where there is none it puts one there, for a few seconds
// and until giveBack is called, and says so in the remark.
func borrowToken(ctx context.Context, options storage.RedisOptions) (token, remark string, giveBack func(), err error) {
	redis, err := storage.NewRedis(options)
	if err != nil {
		return "", "", nil, err
	}
	giveBack = func() { _ = redis.Close() }
	token, found, err := redis.Get(ctx, testTokenKey)
	if err == nil && found {
		return token, "", giveBack, nil
	}
	if err == nil {
		token = rand.Text()
		var set bool
		if set, err = redis.SetNew(ctx, testTokenKey, token, borrowedTokenTTL); err == nil && !set {
			err = errors.New("a self test has just begun")
		}
	}
	if err != nil {
		giveBack()
		return "", "", nil, err
	}
	return token, fmt.Sprintf(" (there was no %s in Redis: one was set for %v, and deleted again)", testTokenKey, borrowedTokenTTL), func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stepTimeout)
		defer cancel()
		if now, _, err := redis.Get(ctx, testTokenKey); err == nil && now == token { // else a self test has its own there by now
			_ = redis.Delete(ctx, testTokenKey)
		}
		_ = redis.Close()
	}, nil
}
