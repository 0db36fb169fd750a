<?php
define('MY_HOST', 'defined');
const MY_PORT = 5 * 2;
$CONFIG = ['dbhost' => MY_HOST, 'port' => MY_PORT, 'defined' => defined('MY_HOST'), 'constant' => constant('MY_PORT')];
foreach (['a' => 1, 'b' => 2, 'c' => 3] as $k => $v) { if ($v === 2) continue; $CONFIG['foreach'][$k] = $v * 10; }
foreach ([[1, [2]], [3, [4]]] as [$x, [$y]]) $CONFIG['pairs'][] = $x + $y;
for ($i = 0, $n = 3; $i < $n; $i++) { $CONFIG['for'][] = $i; }
while ($i > 0) { $i--; if ($i == 1) break; }
do { $i += 10; } while ($i < 25);
$CONFIG['i'] = $i;
switch (getenv('MODE')) {
  case 'a': $CONFIG['switch'] = 'A'; break;
  case 'b':
  case 'c': $CONFIG['switch'] = 'BC';
  default: $CONFIG['fall'] = true;
}
$CONFIG['match'] = match (true) { getenv('MODE') === 'x' => 'X', getenv('MODE') === 'b', getenv('MODE') === 'y' => 'B or Y', default => 'other' };
function twice(int $x, string $suffix = '!', ...$rest): string { static $calls = 0; $calls++; return $x * 2 . $suffix . count($rest) . $calls; }
$CONFIG['calls'] = [twice(2), twice('3', '?', 1, 2), twice(suffix: '.', x: 4)];
$add = fn($x) => $x + $i;
$mul = function ($x) use ($n) { return $x * $n; };
$CONFIG['closures'] = [$add(1), $mul(2), (fn() => 'iife')(), array_map($mul, [1, 2]), array_filter([1, 0, 2], fn($v) => $v > 1), call_user_func('strrev', 'abc')];
function change(array &$target, $key) { $target[$key] = true; }
change($CONFIG, 'changed');
try { throw new RuntimeException('no'); } catch (LogicException $e) { $CONFIG['try'] = 1; } catch (Exception $e) { $CONFIG['try'] = $e->getMessage(); } finally { $CONFIG['finally'] = true; }
try { $CONFIG['zero'] = 1 % 0; } catch (DivisionByZeroError) { $CONFIG['zero'] = 'caught'; }
for ($i = 0; $i < 3; $i++): for ($j = 0; ; $j++) { if ($j == 2) continue 2; if ($i == 2) break 2; $CONFIG['nested'][] = "$i$j"; } endfor;
