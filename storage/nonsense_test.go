package storage_test

import (
	"context"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	. "github.com/notifypush/notifypush/storage"
	"github.com/notifypush/notifypush/storage/storagetest"
)

// TestMountsAfterNonsense has something else answer at the database's address for a while, which the
// driver panics at: afterwards the database is used as if nothing had been.
func TestMountsAfterNonsense(t *testing.T) {
	server := storagetest.Postgres(t)
	db := server.CreateDatabase("nextcloud", "nextcloud", "secret")
	storagetest.NewNextcloud(t, db, "oc_").Mount(1, "alice", "")
	const loggedIn = "R\x00\x00\x00\x08\x00\x00\x00\x00Z\x00\x00\x00\x05I"
	for name, answers := range map[string][]string{
		"at the login": {"R\x00\x00\x00\x03"},
		"at a query":   {loggedIn, "1\x00\x00\x00\x042\x00\x00\x00\x04T\x00\x00\x00\x06\xff\xff"},
	} {
		t.Run(name, func(t *testing.T) {
			place := newImpostor(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(int(server.Port))), answers)
			m := openMounts(t, DatabaseOptions{
				Driver: Postgres, Host: "127.0.0.1", Port: place.port, User: "nextcloud", Password: "secret", Name: "nextcloud",
				Prefix: "oc_", TLS: DatabaseTLS{Mode: TLSDisable},
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			for range 10 { // more than there are connections
				_, err := m.MountsOfStorages(ctx, []uint64{1})
				require.ErrorContains(t, err, "unexpected reply: is this really a PostgreSQL server?")
			}
			place.gone.Store(true)
			mounts, err := m.MountsOfStorages(ctx, []uint64{1})
			require.NoError(t, err)
			require.Len(t, mounts, 1)
		})
	}
}

// impostor answers at a server's address until it is gone.
type impostor struct {
	port uint16
	gone atomic.Bool
}

func newImpostor(t *testing.T, server string, answers []string) *impostor {
	s := &impostor{}
	s.port = Listen(t, func(client net.Conn) {
		if s.gone.Load() {
			Pipe(client, server)
		} else {
			answer(client, answers)
		}
	}).AddrPort().Port()
	return s
}

// answer says one thing for each that is asked.
func answer(client net.Conn, answers []string) {
	defer client.Close()
	question := make([]byte, 4096)
	for _, text := range answers {
		if _, err := client.Read(question); err != nil {
			return
		}
		_, _ = io.WriteString(client, text)
	}
	_, _ = client.Read(question)
}

// TestFailuresOfAKindReadAlike lets the log count them as one line.
func TestFailuresOfAKindReadAlike(t *testing.T) {
	address := Listen(t, func(client net.Conn) {
		_, _ = client.Read(make([]byte, 1)) // and the rest of it is left unread, which resets the connection
		client.Close()
	})
	m := openMounts(t, DatabaseOptions{
		Driver: Postgres, Host: "127.0.0.1", Port: address.AddrPort().Port(), User: "nextcloud", Name: "nextcloud",
		TLS: DatabaseTLS{Mode: TLSDisable},
	})
	for range 3 {
		_, err := m.MountsOfStorages(t.Context(), []uint64{1})
		require.ErrorContains(t, err, "connection reset")
		require.NotContains(t, err.Error(), "->", "the port of our side is another one each time")
	}
}
