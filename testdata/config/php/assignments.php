<?php
$CONFIG = ['dbhost' => 'a', 'redis' => ['host' => 'redis']];
$CONFIG['dbhost'] = 'x';
$CONFIG['redis']['port'] = 1;
$CONFIG['new']['deep']['er'] = true;
$CONFIG += ['dbhost' => 'ignored', 'dbuser' => 'u'];
$CONFIG = array_merge($CONFIG, ['dbname' => 'n', 'dbuser' => 'merged']);
return $CONFIG;
$CONFIG['never'] = 1;
