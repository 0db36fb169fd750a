package dial

import (
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/storage/storagetest"
)

func TestTrust(t *testing.T) {
	authority := storagetest.NewAuthority(t)
	named, _ := authority.Issue("127.0.0.1")
	elsewhere, _ := authority.Issue("elsewhere", "db.example")
	address, _ := authority.Issue("127.0.0.9", "db.example")
	addresses, _ := authority.Issue("127.0.0.8", "127.0.0.7")
	empty := filepath.Join(t.TempDir(), "empty.crl")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for _, test := range []struct {
		name, cert, host string
		trust            Trust
		err              string
	}{
		{"common name", named, "127.0.0.1", Trust{Chain: true, Name: true}, ""},
		{"common name of another", named, "127.0.0.2", Trust{Chain: true, Name: true}, "127.0.0.2"},
		{"name", elsewhere, "db.example", Trust{Chain: true, Name: true}, ""},
		{"name in other case", elsewhere, "DB.Example", Trust{Chain: true, Name: true}, ""},
		{"another name", elsewhere, "db2.example", Trust{Chain: true, Name: true}, "db2.example"},
		{"common name beside names", elsewhere, "elsewhere", Trust{Chain: true, Name: true}, ""},
		{"common name beside names, libpq", elsewhere, "elsewhere", Trust{Chain: true, Name: true, Alternatives: true}, "elsewhere"},
		{"common name without names, libpq", named, "127.0.0.1", Trust{Chain: true, Name: true, Alternatives: true}, ""},
		{"address in the common name beside names, libpq", address, "127.0.0.9", Trust{Chain: true, Name: true, Alternatives: true}, ""},
		{"address in the common name beside addresses, libpq", addresses, "127.0.0.8", Trust{Chain: true, Name: true, Alternatives: true}, "127.0.0.8"},
		{"another name, chain only", elsewhere, "db2.example", Trust{Chain: true}, ""},
		{"revoked", named, "127.0.0.1", Trust{Chain: true, CRLFile: authority.Revoke(named)}, "revoked"},
		{"revocation list that is none", named, "127.0.0.1", Trust{Chain: true, CRLFile: authority.CA}, "revocation list"},
		{"no such revocation list", named, "127.0.0.1", Trust{Chain: true, CRLFile: "/nowhere.crl"}, "/nowhere.crl"},
		{"empty revocation list", named, "127.0.0.1", Trust{Chain: true, CRLFile: empty}, "no revocation list"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.trust.CAFile = authority.CA
			err := handshake(t, test.trust, test.host, test.cert)
			if test.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, test.err)
			}
		})
	}
}

// handshake returns what trust says of a server that shows the certificate in the file cert; its
// key lies beside it.
func handshake(t *testing.T, trust Trust, host, cert string) error {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(cert, strings.TrimSuffix(cert, ".crt")+".key")
	require.NoError(t, err)
	config, err := trust.Config(host, ClientCertificate{})
	if err != nil {
		return err
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	require.NoError(t, err)
	defer listener.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_ = conn.(*tls.Conn).Handshake()
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	err = tls.Client(conn, config).Handshake()
	conn.Close()
	<-ended
	return err
}
