package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

func TestSecretDoesNotShowItself(t *testing.T) {
	secret := NewSecret("hunter2")
	holder := struct {
		Password Secret
		Pointer  *Secret
		List     []Secret
		Map      map[Secret]Secret
	}{secret, &secret, []Secret{secret}, map[Secret]Secret{secret: secret}}
	var shown bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%t", "%T", "%08v"} {
		fmt.Fprintf(&shown, verb+"\n", secret)
		fmt.Fprintf(&shown, verb+"\n", &secret)
		fmt.Fprintf(&shown, verb+"\n", holder)
	}
	fmt.Fprintln(&shown, secret, fmt.Errorf("login with %v: %w", secret, fmt.Errorf("%s", secret)))
	require.NoError(t, json.NewEncoder(&shown).Encode(holder))
	slog.New(slog.NewTextHandler(&shown, nil)).Info("text", "secret", secret, "holder", holder)
	slog.New(slog.NewJSONHandler(&shown, nil)).Info("json", "secret", secret, "holder", holder)
	logger := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&shown), zap.DebugLevel))
	logger.Info("zap", zap.Any("secret", secret), zap.Stringer("stringer", secret), zap.Reflect("holder", holder))
	logger.Sugar().Infow("sugar", "secret", secret, "holder", holder)
	logger.Sugar().Infof("%v %+v %#v", secret, holder, holder)

	require.NotContains(t, shown.String(), "hunter2")
	require.NotContains(t, shown.String(), fmt.Sprintf("%x", "hunter2"))
	require.Contains(t, shown.String(), "***")
	require.Equal(t, "hunter2", secret.Reveal())
	require.Empty(t, Secret{}.String())
}
