<?php
$CONFIG = [
  'overwrite.cli.url' => 'https://cloud.example.com/',
  'dbtype' => 'mysql',
  'dbhost' => 'mysql.example.com:3307',
  'dbuser' => 'nc',
  'dbdriveroptions' => array(
    PDO::MYSQL_ATTR_SSL_CA => __DIR__ . '/ca.pem',
    \PDO::MYSQL_ATTR_SSL_VERIFY_SERVER_CERT => false,
  ),
  'redis.cluster' => [
    'seeds' => [
      'tls://one:7000',
      'tls://two:7000',
    ],
    'failover_mode' => \RedisCluster::FAILOVER_ERROR,
    'password' => '',
    'ssl_context' => ['verify_peer_name' => false],
  ],
  'log_level' => E_ALL,
];
