<?php
$prefix = 'a';
$list = ['first'];
$count = 0;
$by_value = function ($x) use ($prefix, $list) { $prefix .= $x; $list[] = $x; return [$prefix, $list]; };
$by_reference = function ($x) use (&$count) { $count += $x; return $count; };
$arrow = fn($x) => $prefix .= $x;
$unset = function () use ($prefix) { $was = $prefix ?? 'unset'; unset($prefix); return $was; };
$prefix = 'later';
$CONFIG = [
  'by value' => [$by_value('b'), $by_value('c')],
  'by reference' => [$by_reference(1), $by_reference(2), $count],
  'arrow' => [$arrow('b'), $arrow('c')],
  'unset' => [$unset(), $unset()],
  'mapped' => array_map(function ($host) use ($list) { $list[] = $host; return implode(',', $list); }, ['b', 'c']),
];
// An arrow function has the variables that it mentions, and no others.
$outer = 'outer';
$CONFIG['compact'] = (fn() => compact('outer'))();
$CONFIG['mentioned'] = (fn() => [$outer, compact('outer')])();
$CONFIG['within'] = (fn() => (fn() => "$outer!")())();
$CONFIG['used'] = (fn() => (function () use ($outer) { return $outer; })())();
$CONFIG['default'] = (fn($x = 'default') => $x)();
$name = 'outer';
$CONFIG['by name'] = (fn() => $$name ?? 'nothing')();
