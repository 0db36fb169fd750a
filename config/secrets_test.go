package config

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What may be a password is in no report and no error, also where a URL is written wrongly.
func TestReportsHoldNoSecrets(t *testing.T) {
	const secret = "S3NTINEL"
	for _, variable := range []struct{ name, text string }{
		{"DATABASE_URL", "mysql://u:p@h/db?password=" + secret}, {"DATABASE_URL", "mysql://u:p@h/db?SSLPassword=" + secret},
		{"DATABASE_URL", "postgres://u:p@h/db?sslpassword=" + secret}, {"DATABASE_URL", "postgres://u:p@h/db?token=" + secret + "&x-secret=" + secret + "&api_key=" + secret},
		{"DATABASE_URL", "mysql://u:" + secret + "@h:x/db"}, {"DATABASE_URL", "u:" + secret + "@h/db"}, {"DATABASE_URL", "mysql:u:" + secret + "@h/db"},
		{"DATABASE_URL", "postgres://u:" + secret + "@[::1/db"}, {"DATABASE_URL", "foo://u:" + secret + "@h/db"}, {"DATABASE_URL", secret},
		{"REDIS_URL", "redis://:" + secret + "@h:x"}, {"REDIS_URL", "redis:" + secret + "@h"}, {"REDIS_URL", secret}, {"REDIS_URL", "http://:" + secret + "@h"},
		{"REDIS_URL", "redis://u:12/" + secret + "@h:6379"}, {"REDIS_URL", "redis://h/1/" + secret}, {"REDIS_URL", "redis://:" + secret + "@[::1"},
		{"NEXTCLOUD_URL", "http://u:" + secret + "@h"}, {"NEXTCLOUD_URL", "http://u:" + secret + " h"}, {"NEXTCLOUD_URL", "ftp://u:" + secret + "@h"},
		{"NEXTCLOUD_URL", "https:/u:" + secret + "@h"}, {"NEXTCLOUD_URL", "http://%" + secret}, {"NEXTCLOUD_URL", "://" + secret}, {"NEXTCLOUD_URL", "http://[" + secret},
		{"NEXTCLOUD_URL", "u:" + secret + "@h"}, {"NEXTCLOUD_URL", "http:/u:" + secret + "@h"},
		{"ADMIN_TOKEN", secret}, {"ADMIN_TOKEN", strings.Repeat(secret, 4)},
	} {
		printed, err := json.Marshal(loadWith(t, "", map[string]string{variable.name: variable.text}).Report(false))
		require.NoError(t, err)
		require.NotContains(t, strings.ToLower(string(printed)), strings.ToLower(secret), "%s=%s", variable.name, variable.text)
	}
	result := loadWith(t, "redis://:"+secret+"@h", nil)
	require.ErrorContains(t, result.Err(), "the argument is a URL")
	require.NotContains(t, result.Err().Error(), secret)
	shown := loadWith(t, "", map[string]string{"DATABASE_URL": "mysql://u:p@h/db?password=" + secret}).Report(true)
	printed, _ := json.Marshal(shown)
	require.Contains(t, string(printed), secret, "where it was asked for")
}
