<?php
$host = 'db'; $port = 5432;
$db = ['host' => $host, 'port' => $port];
[$first, , $third] = [1, 2, 3];
list('a' => $a, 'b' => list($b)) = ['a' => 'A', 'b' => ['B']];
$copy = $db; $copy['host'] = 'changed';
$alias = &$aliased; $aliased = 'through';
$name = 'dynamic'; $$name = 'var var'; ${'x y'} = 'odd';
$i = 5; $j = $i++ + ++$i; $later = $i + ++$i; $i--; $s = 'a'; $s .= $i--; $n = null; $n++;
$CONFIG = ['dbhost' => "{$db['host']}:{$db['port']}", 'copy' => $copy, 'db' => $db, 'list' => [$first, $third, $a, $b],
  'alias' => $alias, 'dynamic' => $dynamic, 'odd' => ${'x y'}, 'counts' => [$i, $j, $s, $n, $later], 'undefined' => $undefined ?? 'none'];
$_SERVER['HTTPS'] = 'on';
$_ENV['OWN'] = 'set';
$CONFIG['https'] = $_SERVER['HTTPS'];
$CONFIG['own'] = $_ENV['OWN'];
putenv('OWN=put');
$CONFIG['put'] = getenv('OWN');
