<?php
define('MY_HOST', 'defined');
const MY_PORT = 5 * 2, MY_NAME = 'n';
$CONFIG = ['dbhost' => MY_HOST, 'port' => \MY_PORT, 'name' => MY_NAME, 'defined' => defined('MY_HOST'), 'constant' => constant('MY_PORT')];
foreach (['a' => 1, 'b' => 2, 'c' => 3, 'd' => 4] as $k => $v) { if ($v === 2) continue; if ($v === 4) break; $CONFIG['foreach'][$k] = $v * 10; }
foreach ([[1, [2]], [3, [4]]] as [$x, [$y]]) $CONFIG['pairs'][] = $x + $y;
for ($i = 0, $n = 3; $i < $n; $i++) { $CONFIG['for'][] = $i; }
while ($i > 0) { $i--; if ($i == 1) break; }
do { $i += 10; if ($i == 11) continue; $CONFIG['do'][] = $i; } while ($i < 25);
$CONFIG['i'] = $i;
switch (getenv('MODE')) {
  case 'a': $CONFIG['switch'] = 'A'; break;
  case 'b':
  case 'c': $CONFIG['switch'] = 'BC';
  default: $CONFIG['fall'] = true;
}
$CONFIG['match'] = match (true) { getenv('MODE') === 'x' => 'X', getenv('MODE') === 'b', getenv('MODE') === 'y' => 'B or Y', default => 'other' };
if (getenv('MODE') == 'x'): $CONFIG['if'] = 1; elseif (getenv('MODE') == 'b'): $CONFIG['if'] = 2; else: $CONFIG['if'] = 3; endif;
if (getenv('MODE') == 'x') $CONFIG['if2'] = 1; else if (getenv('MODE') == 'y') { $CONFIG['if2'] = 2; } else $CONFIG['if2'] = 3;
function twice(int $x, ?string $suffix = '!'): string { return $x * 2 . $suffix; }
$CONFIG['calls'] = [twice(2), twice(3, '?'), twice(4, null)];
$add = fn($x) => $x + $i;
$mul = function ($x) use ($n) { $x *= $n; $n = 0; return $x; };
$i = $n = 100;
$CONFIG['closures'] = [$add(1), $mul(2), $mul(2), (fn() => 'iife')(), array_map($mul, [1, 2]), array_filter([1, 0, 2], fn($v) => $v > 1)];
try { throw new RuntimeException('no'); } catch (Exception $e) { $CONFIG['try'] = $e->getMessage(); }
try { $CONFIG['zero'] = 1 % 0; } catch (DivisionByZeroError) { $CONFIG['zero'] = 'caught'; }
try { $x = match (5) { 1 => 2 }; } catch (\UnhandledMatchError | TypeError $e) { $CONFIG['unmatched'] = true; }
try { twice('a word'); } catch (Throwable) { $CONFIG['typed'] = 'caught'; }
unset($CONFIG['foreach']['a'], $CONFIG['none']['deeper'], $x);
$CONFIG['unset'] = isset($x);
return;
$CONFIG['never'] = 1;
