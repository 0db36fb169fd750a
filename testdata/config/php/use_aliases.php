<?php
use PDO as Database;
use Pdo\Mysql;
use \Pdo\{Mysql as M, Pgsql};
$CONFIG = [
  'a' => Database::MYSQL_ATTR_SSL_CA,
  'b' => Mysql::ATTR_SSL_CA,
  'c' => M::ATTR_SSL_KEY,
  'd' => \PDO::ATTR_TIMEOUT,
];
