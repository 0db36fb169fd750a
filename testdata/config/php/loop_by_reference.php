<?php
$CONFIG = ['dbtype' => 'pgsql', 'dbhost' => 'h'];
foreach (['dbuser' => 'u', 'dbpassword' => 'p'] as $k => &$v) { $CONFIG[$k] = $v; $v = 'changed'; }
$CONFIG['after'] = $v;
$alias = &$other; $other = 'kept';
foreach (array_map('trim', ['a ', 'b ']) as &$alias) { $CONFIG['list'][] = $alias; }
$CONFIG['other'] = $other;
function items() { return ['x' => 1]; }
foreach (items() as $k => &$n) { $n++; $CONFIG[$k] = $n; }
foreach ([&$other, 2] as &$item) { $CONFIG['last'] = $item; }
