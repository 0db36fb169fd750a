package cli

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/storage/storagetest"
	"github.com/stretchr/testify/require"
)

// patience bounds every wait for something that must happen.
const patience = time.Minute

// TestPortsAreOpenAtOnce has a daemon wait for the logins of the process before for as long as the test
// wants: operators are served meanwhile, and clients can connect.
func TestPortsAreOpenAtOnce(t *testing.T) {
	redis, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	require.NoError(t, err)
	folder := t.TempDir()
	configFile := filepath.Join(folder, "config.php")
	require.NoError(t, os.WriteFile(configFile, []byte(`<?php $CONFIG = ['secret' => 'of this instance'];`), 0o600))
	port, metricsPort := storagetest.FreePort(t), storagetest.FreePort(t)
	variables := map[string]string{
		"REDIS_URL": "redis://" + redis.Addr().String(), "DATABASE_URL": "sqlite:" + filepath.Join(folder, "db"), "NEXTCLOUD_URL": "http://127.0.0.1:1/",
		"BIND": "127.0.0.1", "PORT": fmt.Sprint(port), "METRICS_PORT": fmt.Sprint(metricsPort),
	}
	loaded := config.Load(t.Context(), configFile, nil, func(name string) (string, bool) {
		value, found := variables[name]
		return value, found
	})
	require.NoError(t, loaded.Err())
	loaded.Settings.Redis.ReadTimeout = time.Hour
	d := newDaemon(loaded.Settings, newLogging(t.Output(), loaded.Settings.Log))
	one, err := d.serveOne(loaded, func(context.Context) *config.Result { return loaded })
	require.NoError(t, err)
	one.handover.patience = time.Hour
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.run(ctx) }()

	alive := func() bool {
		response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/livez", metricsPort))
		if err == nil {
			response.Body.Close()
		}
		return err == nil && response.StatusCode == http.StatusOK
	}
	require.Eventually(t, alive, patience, 5*time.Millisecond)
	client, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	require.NoError(t, err)
	defer client.Close()
	_, err = io.WriteString(client, "GET /version HTTP/1.1\r\nHost: push\r\nConnection: close\r\n\r\n")
	require.NoError(t, err)
	require.NoError(t, client.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err = client.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "nobody is let in before the logins are there")

	redis.Close() // and what is connected to it
	require.NoError(t, client.SetReadDeadline(time.Now().Add(patience)))
	answer, err := io.ReadAll(client)
	require.NoError(t, err)
	require.Contains(t, string(answer), Version())
	end()
	require.NoError(t, <-ended)
}
