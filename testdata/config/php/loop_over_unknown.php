<?php
// What a loop over something unknown would throw for, it may never come to.
$port = 6379;
foreach (preg_split('/,/', '') as $host) {
  if ($host) { $port['of'] = $host; }
}
$CONFIG = ['dbhost' => 'db', 'port' => $port];
foreach (preg_split('/,/', 'a,b') as $name) { $alias = &$aliased; }
$aliased = 'set';
$alias = 'changed through the reference';
$CONFIG['aliased'] = $aliased;
