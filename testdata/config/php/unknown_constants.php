<?php
$CONFIG = [
  'dbhost' => 'db',
  'a' => SOME_CONSTANT,
  'b' => \OC\Memcache\APCu::class,
  'c' => E_ALL,
  'memcached_options' => [
    \Memcached::OPT_CONNECT_TIMEOUT => 50,
    'x' => 1,
  ],
  'deep' => ['er' => [Foo::BAR]],
  'dbuser' => 'u',
];
