<?php
$CONFIG = ['dbhost' => 'db', 'apps' => [['path' => 'a'], ['path' => 'b']], 'redis' => ['host' => 'x'], 'list' => [3, 1], 'deep' => ['a' => ['b' => 1]]];
function add(array &$to, $key, &$count = 0) { $to[$key] = true; $count++; }
add($CONFIG['redis'], 'added', $n);
$CONFIG['new'] = []; add($CONFIG['new'], 'k', $CONFIG['counts']['c']);
try { add($CONFIG['dbhost'], 'x'); } catch (TypeError $e) { $CONFIG['type error'] = true; }
foreach ($CONFIG['apps'] as &$app) { $app['path'] = '/x/' . $app['path']; }
unset($app);
foreach ($CONFIG['apps'] as $i => $app) { $CONFIG['paths'][$i] = $app['path']; }
$name = 'sort'; $name($CONFIG['list']);
$alias = &$CONFIG['deep']['a']; $alias['b'] = 2;
$CONFIG['n'] = $n;
usort($CONFIG['list'], fn($a, $b) => $a <=> $b);
