package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/notifypush/notifypush/cli/doctor"
	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/internal/errtext"
	"github.com/notifypush/notifypush/transport/nextcloud"
)

// maxSkew is by how much the clocks may differ without a remark.
const maxSkew = 5 * time.Second

const adviceReach = "Nextcloud must answer here at --nextcloud-url, else overwrite.cli.url of config.php; --nextcloud-connect-to dials another address and keeps the name."

// probeNextcloud asks what anybody may ask, status.php and the app's test cookie, and then whom Nextcloud takes for the client.
func (c *checkCommand) probeNextcloud(ctx context.Context, result *config.Result, report func(finding)) {
	settings, options := result.Settings, result.Settings.Nextcloud
	options.Timeout = stepTimeout
	client, err := nextcloud.New(options)
	if err != nil {
		report(finding{"Nextcloud", red, err.Error(), adviceReach})
		return
	}
	defer client.Close()

	status, err := client.Status(ctx)
	if isUntrusted(err) {
		report(finding{"Nextcloud", green, "something answers at " + settings.Nextcloud.BaseURL, ""})
		report(probeDomain(settings, err))
	} else {
		report(probeStatus(settings, status, err))
	}
	if err == nil {
		report(probeDomain(settings, nil))
		_, err = client.TestCookie(ctx, "")
		report(probeApp(err))
	}
	if err == nil || errors.Is(err, nextcloud.ErrTokenRefused) { // the app is there
		report(probeTrustedProxy(ctx, settings, client, status, !c.NoProbe))
	}
	if status.Ahead != 0 {
		report(probeClock(status.Ahead))
	}
}

func isUntrusted(err error) bool {
	failure, failed := errors.AsType[*nextcloud.Error](err)
	return failed && strings.Contains(failure.Text, "trusted domain")
}

func probeStatus(settings config.Settings, status nextcloud.ServerStatus, err error) finding {
	f := finding{Name: "Nextcloud", Status: green, Detail: fmt.Sprintf("version %s answers at %s", status.Version, settings.Nextcloud.BaseURL)}
	switch {
	case err != nil:
		f.Status, f.Detail, f.Advice = red, errtext.Detail(err), adviseNextcloud(err)
	case !status.Installed:
		f.Status, f.Detail, f.Advice = red, f.Detail+", and is not installed yet", "Finish Nextcloud's own setup first."
	case status.NeedsUpgrade:
		f.Status, f.Detail, f.Advice = yellow, f.Detail+", and waits for its upgrade", "Nobody can log in before that: occ upgrade."
	case status.Maintenance:
		f.Status, f.Detail, f.Advice = yellow, f.Detail+", and is in maintenance mode", "Nobody can log in before it ends: occ maintenance:mode --off."
	}
	return f
}

func adviseNextcloud(err error) string {
	certificate := (*tls.CertificateVerificationError)(nil)
	failure, failed := errors.AsType[*nextcloud.Error](err)
	switch {
	case errors.As(err, &certificate):
		return doctor.Advise(certificate) + " Here, --nextcloud-ca names an authority of your own, and --nextcloud-connect-to keeps the name that the certificate is for."
	case failed && failure.Status == http.StatusUnauthorized && !failure.OneLogin: // of a web server
		return doctor.Remedy(doctor.BasicAuthBeforeUs, " ")
	case failed && failure.Status == http.StatusServiceUnavailable:
		return "Nextcloud is in maintenance mode or overloaded: try again later, or see occ maintenance:mode."
	case failed && failure.Status == http.StatusNotFound:
		return "There is no Nextcloud at this address; if it is in a folder, name that too, as in https://example.com/nextcloud/."
	default:
		return adviceReach
	}
}

// probeDomain says whether Nextcloud knows the name by which it was called; err is nil or says that it does not.
func probeDomain(settings config.Settings, err error) finding {
	const name = "trusted domain"
	host := hostOf(settings.Nextcloud.BaseURL)
	if err == nil {
		return finding{name, green, "Nextcloud answers to " + host, ""}
	}
	return finding{name, red, err.Error(), adviseToAdd("trusted_domains", settings.Instance.TrustedDomains, host) +
		" Or keep Nextcloud's own name in --nextcloud-url and dial inside with --nextcloud-connect-to."}
}

func hostOf(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return address
	}
	return parsed.Hostname()
}

func probeApp(err error) finding {
	const name = "app"
	if err == nil || errors.Is(err, nextcloud.ErrTokenRefused) {
		return finding{name, green, "notify_push is enabled", ""}
	}
	if failure, failed := errors.AsType[*nextcloud.Error](err); failed && failure.Status == http.StatusServiceUnavailable {
		return finding{name, red, errtext.Detail(err), adviseNextcloud(err)}
	}
	return finding{name, red, errtext.Detail(err), "Is the app there? occ app:enable notify_push, after occ app:install notify_push."}
}

// adviseToAdd says how an element is added to a list of config.php: by occ, where it is known which number that has to be given, and by hand.
func adviseToAdd(key string, known config.List, added string) string {
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	var elements []string
	for _, element := range append(slices.Clone(known.Texts), added) {
		elements = append(elements, "'"+quote.Replace(element)+"'")
	}
	line := fmt.Sprintf("'%s' => [%s],", key, strings.Join(elements, ", "))
	if known.Texts == nil {
		return fmt.Sprintf("Write %s in config.php.", line)
	}
	return fmt.Sprintf("Run occ config:system:set %s %d --value=%s, or write %s in config.php.", key, known.Next, added, line)
}

func probeClock(ahead time.Duration) finding {
	f := finding{Name: "clock", Status: green, Detail: "agrees with Nextcloud's"}
	if ahead.Abs() > maxSkew {
		f.Status, f.Detail = yellow, fmt.Sprintf("Nextcloud's is %v ahead of this machine's", ahead.Round(time.Second))
		if ahead < 0 {
			f.Detail = fmt.Sprintf("Nextcloud's is %v behind this machine's", ahead.Abs().Round(time.Second))
		}
		f.Advice = "Let NTP set the clocks of both: certificates, remembered logins and the times in logs depend on them."
	}
	return f
}
