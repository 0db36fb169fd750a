<?php
$CONFIG = ['dbhost' => ' db ', 'dbname' => ' n '];
foreach ($CONFIG as &$v) { $v = trim($v); }
$v = 'changed';
$CONFIG['dbuser'] = 'u';
$CONFIG['v'] = $v;
unset($CONFIG['dbhost']);
$CONFIG['dbhost'] = 'new';
