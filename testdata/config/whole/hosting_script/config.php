<?php
$CONFIG = array (
  'overwrite.cli.url' => 'https://example.com/nextcloud',
  "dbtype"=>'mysql', 'dbname' => "nextcloud", 'dbhost' => 'localhost',
  'dbuser' => 'nextcloud', 'dbpassword' => 'a$b',
  'mysql.utf8mb4' => true, # comment
  /* block */ 'redis' => array (
    'host' => '/run/redis/redis-server.sock',
    'port' => 0,
    'dbindex' => 1,
    'timeout' => 1.5,
  ),
  'logtimezone' => 'Europe/Paris',
);
