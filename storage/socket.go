package storage

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"

	"github.com/notifypush/notifypush/internal/paths"
)

// dialErrors returns every failure to connect that is in err, joined ones too.
func dialErrors(err error) (found []*net.OpError) {
	if op, ok := err.(*net.OpError); ok && op.Op == "dial" { //nolint:errorlint // what wraps it is looked at below
		return []*net.OpError{op}
	}
	switch wrapper := err.(type) { //nolint:errorlint // the wrappers themselves are asked for
	case interface{ Unwrap() error }:
		return dialErrors(wrapper.Unwrap())
	case interface{ Unwrap() []error }:
		for _, inner := range wrapper.Unwrap() {
			found = append(found, dialErrors(inner)...)
		}
	}
	return found
}

// socketServer is what advice about its unix socket calls a server and its settings.
type socketServer struct {
	name     string
	port     uint16 // the usual one
	setting  string // where its configuration names the socket
	openedBy string // what lets a group use the socket
	ours     string // where our configuration names the address
}

var (
	redisSocket    = socketServer{"Redis", 6379, "unixsocket in redis.conf", "unixsocketperm 770", "redis in config.php, or --redis-url"}
	mysqlSocket    = socketServer{"MySQL", 3306, "socket in my.cnf", "chmod 777 as MySQL makes it", "dbhost in config.php, or --database-url"}
	postgresSocket = socketServer{"PostgreSQL", 5432, "unix_socket_directories in postgresql.conf", "unix_socket_permissions 0770", "dbhost in config.php, or --database-url"}
)

// dialAdvice says what might help against failures to connect. A socket that may not be used goes before
// everything else, because it is there, and the other places that were tried need not be.
func (s socketServer) dialAdvice(err error) string {
	failures := dialErrors(err)
	if len(failures) == 0 {
		return ""
	}
	for _, failure := range failures {
		if failure.Net == "unix" && errors.Is(failure, fs.ErrPermission) {
			return s.socketAdvice(failure)
		}
	}
	if first := failures[0]; first.Net == "unix" {
		return s.socketAdvice(first)
	}
	if errors.Is(failures[0], fs.ErrPermission) {
		return "a firewall or a security module (SELinux: setsebool httpd_can_network_connect on) does not let this process connect"
	}
	return fmt.Sprintf("is %s running, and is this its address (%s)?", s.name, s.ours)
}

func (s socketServer) socketAdvice(failure *net.OpError) string {
	path := failure.Addr.String()
	if option := paths.HiddenBy(path); option != "" && errors.Is(failure, fs.ErrNotExist) {
		return fmt.Sprintf("is %s running? A systemd unit with %s hides this path from its service: set %s=no, or another path as %s",
			s.name, option, option, s.setting)
	}
	fault := paths.FolderFault(path)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fault
	case err != nil:
		return fmt.Sprintf("%s: is %s running, and is this the path of %s?", cmp.Or(fault, "there is no socket"), s.name, s.setting)
	case info.Mode()&fs.ModeSocket == 0:
		return fmt.Sprintf("this is not a socket: give the path of %s", s.setting)
	case errors.Is(failure, fs.ErrPermission):
		_, group, _ := paths.Owner(info)
		return fmt.Sprintf("let this user connect: user %s needs group %s, and the socket %s", paths.ProcessUser(), group, s.openedBy)
	case errors.Is(failure, syscall.ECONNREFUSED):
		return fmt.Sprintf("no process listens at this socket: is %s running?", s.name)
	}
	return ""
}
