<?php
$shared = 'from the first';
$CONFIG = ['dbhost' => 'db', 'redis' => ['host' => 'a', 'port' => 1], 'apps_paths' => [0 => 'x'], 5 => 'five'];
