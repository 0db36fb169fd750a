<?php
$url = parse_url(getenv('DATABASE'));
$CONFIG = [
  'dbtype' => $url['scheme'] === 'postgres' ? 'pgsql' : $url['scheme'],
  'dbhost' => $url['host'] . (isset($url['port']) ? ':' . $url['port'] : ''),
  'dbuser' => $url['user'], 'dbpassword' => rawurldecode($url['pass'] ?? ''), 'dbname' => ltrim($url['path'], '/'),
];
