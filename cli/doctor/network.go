package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// expirySoon is how long before its end a certificate is worth a word.
const expirySoon = 14 * 24 * time.Hour

// resolve looks the name up and tries each address, of both families.
func (e *examination) resolve(ctx context.Context) {
	const step = "DNS"
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	host := e.site.Hostname()
	addresses, err := e.lookup(ctx, "ip", host)
	if err != nil {
		e.fail(step, fmt.Sprintf("look up %s: %v", host, err), "Is the name right? Clients outside need a public DNS record.")
		return
	}
	var reached, failed []string
	for _, address := range addresses {
		address = address.Unmap()
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(address.String(), portOf(e.site)))
		if err != nil {
			failed = append(failed, fmt.Sprintf("%s (%v)", address, causeOfDial(err)))
			continue
		}
		_ = conn.Close()
		e.isPublic = e.isPublic || address.IsGlobalUnicast() && !address.IsPrivate()
		reached = append(reached, address.String())
	}
	switch {
	case len(reached) == 0:
		e.fail("connect", "nothing answers at port "+portOf(e.site)+" of "+strings.Join(failed, ", "), "Is the web server running, and does the firewall let this port through?")
	case len(failed) > 0:
		e.warn("connect", fmt.Sprintf("answers at %s, not at %s", strings.Join(reached, ", "), strings.Join(failed, ", ")),
			"Clients with that address family wait for a timeout: remove the DNS record, or have the web server listen there.")
	default:
		e.green("connect", fmt.Sprintf("%s is %s, and port %s answers", host, strings.Join(reached, ", "), portOf(e.site)))
	}
}

// causeOfDial leaves out the addresses, which stand beside it.
func causeOfDial(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}

// examineCertificate verifies the certificate, if there is to be one, as a desktop client does.
func (e *examination) examineCertificate(ctx context.Context, at *url.URL) {
	const step = "certificate"
	if !isEncrypted(at) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	dialer := tls.Dialer{Config: &tls.Config{ServerName: at.Hostname(), InsecureSkipVerify: true}} //nolint:gosec // It is verified below.
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(at.Hostname(), portOf(at)))
	if err != nil {
		advice := "Does this port speak TLS? The reverse proxy's log says more."
		if strings.Contains(err.Error(), "first record does not look like a TLS handshake") {
			advice = "This port speaks no TLS: use http://, or give the port that does."
		}
		e.fail(step, fmt.Sprintf("TLS handshake with %s: %v", at.Host, err), advice)
		return
	}
	defer conn.Close()
	chain := conn.(*tls.Conn).ConnectionState().PeerCertificates
	if err := verify(chain, at.Hostname()); err != nil {
		detail, advice := describeCertificate(chain, err)
		if e.AllowSelfSigned {
			e.warn(step, detail, advice)
		} else {
			e.fail(step, detail, advice)
		}
		return
	}
	left := time.Until(chain[0].NotAfter)
	text := fmt.Sprintf("valid for %s until %s", at.Hostname(), chain[0].NotAfter.Format(time.DateOnly))
	if left < expirySoon {
		e.warn(step, text, "Renew it: it expires within two weeks.")
		return
	}
	e.green(step, text)
}

func verify(chain []*x509.Certificate, host string) error {
	intermediates := x509.NewCertPool()
	for _, certificate := range chain[1:] {
		intermediates.AddCert(certificate)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{DNSName: host, Intermediates: intermediates})
	return err
}

// describeCertificate tells the usual mistakes from each other.
func describeCertificate(chain []*x509.Certificate, err error) (detail, advice string) {
	wrongName, named := errors.AsType[x509.HostnameError](err)
	if len(chain) == 0 && named {
		chain = []*x509.Certificate{wrongName.Certificate}
	}
	if len(chain) == 0 {
		return "the server shows no certificate", "Does this port speak TLS?"
	}
	leaf := chain[0]
	selfSigned := leaf.CheckSignatureFrom(leaf) == nil || leaf.Issuer.String() == leaf.Subject.String()
	switch {
	case named:
		return fmt.Sprintf("the certificate is for %s, not for %s", strings.Join(names(leaf), ", "), wrongName.Host), "The certificate is for another name: use that name, or get a certificate for this one."
	case time.Now().After(leaf.NotAfter):
		return "the certificate expired on " + leaf.NotAfter.Format(time.DateOnly), "Renew it, and reload the web server."
	case time.Now().Before(leaf.NotBefore):
		return "the certificate is not valid before " + leaf.NotBefore.Format(time.DateTime), "Check the clocks of both machines."
	case errors.As(err, new(x509.UnknownAuthorityError)) && !selfSigned && len(chain) == 1:
		advice = "Have the web server send the whole chain: with Let's Encrypt, fullchain.pem instead of cert.pem. Browsers fill the gap by themselves, desktop and mobile clients do not."
		if len(leaf.IssuingCertificateURL) == 0 { // public authorities say where theirs is
			advice += " If the signer is an authority of your own, every client must have it installed."
		}
		return fmt.Sprintf("the server sends its certificate without the intermediate one of %q", leaf.Issuer.CommonName), advice
	case errors.As(err, new(x509.UnknownAuthorityError)) && selfSigned:
		return "the certificate is self-signed", "Every client must be made to trust it; a certificate of a public authority spares that. --allow-self-signed accepts it here."
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return fmt.Sprintf("the certificate is signed by %q, which this machine does not trust", leaf.Issuer.CommonName), "Clients must have that authority installed. --allow-self-signed accepts it here."
	default:
		return err.Error(), "Get a new certificate."
	}
}

func names(certificate *x509.Certificate) (all []string) {
	all = append(all, certificate.DNSNames...)
	for _, ip := range certificate.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		all = append(all, certificate.Subject.CommonName)
	}
	return all
}

// isLocal reports whether an address means another machine to each client.
func isLocal(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && (address.IsLoopback() || address.IsUnspecified())
}
