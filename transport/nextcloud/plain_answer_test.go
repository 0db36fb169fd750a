package nextcloud

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPlainAnswer(t *testing.T) {
	for answer, want := range map[string]string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nalice":                                                 "alice",
		"HTTP/1.1 200 OK\r\nDate: today\r\ncontent-length:\t5 \r\nConnection: Keep-Alive\r\n\r\nalice":      "alice",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Powered-By: PHP\r\n\r\n5\r\nalice\r\n0\r\n\r\n": "alice",
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":                                                      "",
	} {
		body, ok := plainAnswer([]byte(answer))
		require.True(t, ok, answer)
		require.Equal(t, want, string(body), answer)
	}
	for _, answer := range []string{
		"",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nalic",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nalice!",
		"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nalice",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nalice",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nalice\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nalice",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: a\r\n b\r\n\r\nalice",
		"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nalice",
		"HTTP/1.1 200 OK\r\n\r\nalice",
		"HTTP/1.1 200 OK\nContent-Length: 5\n\nalice",
		"HTTP/1.1 200 OK\n\r\nContent-Length: 5\r\n\r\nalice",
		"HTTP/1.1 401 Unauthorized\r\nContent-Length: 5\r\n\r\nalice",
		"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nalice",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nalice\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nalice\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nali\r\n2\r\nce\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nalice\r\n0\r\n",
	} {
		_, ok := plainAnswer([]byte(answer))
		require.False(t, ok, answer)
	}
}

// FuzzPlainAnswer: what is taken for a plain answer is one for net/http, too.
func FuzzPlainAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nalice"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nalice\r\n0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		body, ok := plainAnswer(data)
		if !ok {
			return
		}
		reader := bufio.NewReader(bytes.NewReader(data))
		response, err := http.ReadResponse(reader, nil)
		require.NoError(t, err)
		defer response.Body.Close()
		all, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Equal(t, string(all), string(body))
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.False(t, response.Close)
		require.Zero(t, reader.Buffered())
	})
}
