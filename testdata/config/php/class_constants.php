<?php
$CONFIG = [
  'dbdriveroptions' => [
    \PDO::MYSQL_ATTR_SSL_CA => '/ca.pem',
    PDO::MYSQL_ATTR_SSL_KEY => '/key.pem',
    PDO::MYSQL_ATTR_SSL_CERT => '/cert.pem',
    PDO::MYSQL_ATTR_SSL_CAPATH => '/certs',
    pdo::MYSQL_ATTR_SSL_CIPHER => 'x',
    \Pdo\Mysql::ATTR_SSL_VERIFY_SERVER_CERT => false,
    PDO::MYSQL_ATTR_INIT_COMMAND => 'SET x = 1',
    1012 => 'number',
  ],
  'redis.cluster' => ['failover_mode' => \RedisCluster::FAILOVER_ERROR],
  'modes' => [RedisCluster::FAILOVER_NONE, RedisCluster::FAILOVER_DISTRIBUTE, \RedisCluster::FAILOVER_DISTRIBUTE_SLAVES],
];
