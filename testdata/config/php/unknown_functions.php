<?php
$CONFIG = ['dbhost' => 'db', 'mail_smtphost' => mail_host(), 'nested' => ['a' => php_uname()]];
if (extension_loaded('redis')) { $CONFIG['memcache'] = 'redis'; $CONFIG['both'] = 1; } else { $CONFIG['both'] = 1; }
$CONFIG['cli'] = PHP_SAPI === 'cli' ? 'x' : 'y';
foreach (some_list() as $item) { $extra[] = $item; }
$CONFIG['extra'] = $extra;
$CONFIG['dbuser'] = 'u';
preg_match('/x/', 'x', $matches);
$CONFIG['matches'] = $matches;
$CONFIG['short'] = false && unknown_too();
$CONFIG['time'] = time();
$CONFIG['by value'] = mb_substr($CONFIG['dbuser'], 0, 1);
$CONFIG['counted'] = str_replace('a', 'b', 'banana', $count);
$CONFIG['count'] = $count;
