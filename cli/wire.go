package cli

import (
	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/storage"
	"github.com/notifypush/notifypush/transport"
	"github.com/notifypush/notifypush/transport/nextcloud"
	"go.uber.org/zap"
)

// What the settings are called by the packages that they are for.

func redisOptions(s config.Settings) storage.RedisOptions {
	r := s.Redis
	return storage.RedisOptions{
		Addresses:     r.Addresses,
		Cluster:       r.Mode == config.RedisCluster,
		User:          r.User,
		Password:      actors.Secret(r.Password.Reveal()),
		Database:      r.Database,
		DialTimeout:   r.DialTimeout,
		ReadTimeout:   r.ReadTimeout,
		ChannelPrefix: s.RedisChannelPrefix,
		TLS: storage.RedisTLS{
			CA:              r.TLS.CA,
			CAPath:          r.TLS.CAPath,
			Cert:            r.TLS.Cert,
			Key:             r.TLS.Key,
			Passphrase:      actors.Secret(r.TLS.Passphrase.Reveal()),
			SkipVerifyPeer:  !r.TLS.VerifyPeer,
			SkipVerifyName:  !r.TLS.VerifyName,
			AllowSelfSigned: r.TLS.AllowSelfSigned,
			ServerName:      r.TLS.ServerName,
		},
	}
}

func databaseOptions(s config.Settings) storage.DatabaseOptions {
	d := s.Database
	return storage.DatabaseOptions{
		Driver:   d.Driver,
		Host:     d.Host,
		Port:     d.Port,
		Socket:   d.Socket,
		Hosts:    d.Hosts,
		User:     d.User,
		Password: actors.Secret(d.Password.Reveal()),
		Name:     d.Name,
		Path:     d.Path,
		TLS:      storage.DatabaseTLS(d.TLS),
		Options:  d.Options,
		Prefix:   s.DatabasePrefix,
	}
}

func nextcloudOptions(s config.Settings) nextcloud.Options {
	return nextcloud.Options{
		BaseURL:         s.NextcloudURL,
		ConnectTo:       s.NextcloudConnectTo,
		CAFile:          s.NextcloudCA,
		AllowSelfSigned: s.AllowSelfSigned,
		UserAgent:       s.UserAgent,
		Timeout:         s.AuthTimeout,
		Concurrency:     s.AuthConcurrency,
	}
}

func actorOptions(s config.Settings, log *zap.Logger) actors.Options {
	return actors.Options{
		Logger:                log,
		MaxDebounceTime:       &s.MaxDebounceTime,
		NoDebounce:            s.DebounceDisable,
		MaxConnectionTime:     s.MaxConnectionTime,
		MaxConnectionsPerUser: s.MaxConnectionsPerUser,
		AuthKey:               handoverKey(s.NextcloudSecret),
		AuthCacheTTL:          &s.AuthCacheTTL,
		AuthResume:            &s.AuthResume,
		AuthMaxAge:            &s.AuthMaxAge,
		AuthRecheck:           &s.AuthRecheck,
		AuthRefusalTTL:        &s.AuthRefusalTTL,
		AuthTimeout:           s.AuthTimeout,
		AuthConcurrency:       &s.AuthConcurrency,
		DrainTimeout:          &s.DrainTimeout,
		NoResync:              !s.Resync,
	}
}

func websocketOptions(s config.Settings, log *zap.Logger) transport.WebsocketOptions {
	return transport.WebsocketOptions{
		Logger:         log,
		TrustedProxies: s.TrustedProxies,
		Limits: transport.Limits{
			Connections:      maxConnections(s.MaxConnections),
			Logins:           s.MaxUnauthenticated,
			LoginsPerAddress: s.MaxUnauthenticatedPerAddress,
			Sockets:          maxSockets(),
		},
	}
}
