<?php
function read_secret($file) {
  if (!file_exists($file)) {
    throw new \RuntimeException(sprintf("Cannot read %s", $file));
  }
  return trim(file_get_contents($file));
}
$CONFIG = [
  'dbtype' => 'mysql',
  'dbhost' => 'localhost:/run/mysqld/mysqld.sock',
  'dbname' => 'nextcloud',
  'dbuser' => 'nextcloud',
  'dbpassword' => read_secret(__DIR__ . '/password'),
  'dbtableprefix' => null,
];
$CONFIG = array_replace_recursive($CONFIG, [
  'overwrite.cli.url' => 'http' . 's://' . 'cloud.example.com',
  'redis' => ['host' => '/run/redis-nextcloud/redis.sock', 'port' => 0],
]);
