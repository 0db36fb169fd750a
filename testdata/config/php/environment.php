<?php
$CONFIG = [
  'a' => getenv('SET'),
  'b' => getenv('UNSET'),
  'c' => getenv('UNSET') ?: 'default',
  'd' => getenv('EMPTY') ?: 'default',
  'e' => $_SERVER['SET'] ?? 'default',
  'f' => $_SERVER['UNSET'] ?? 'default',
  'g' => $_ENV['SET'] ?? 'default',
  'h' => (string) getenv('UNSET'),
  'i' => (int) getenv('NUMBER'),
  'j' => getenv('SET') ? 'yes' : 'no',
  'k' => isset($_SERVER['SET'], $_SERVER['UNSET']),
  'l' => empty(getenv('EMPTY')),
  'm' => getenv('SET') && !getenv('UNSET') || false,
  'n' => getenv('SET') === 'value',
  'o' => getenv('UNSET') !== false,
];
if (getenv('SET')) {
  $CONFIG['p'] = 1;
  if (getenv('UNSET')) { $CONFIG['p'] = 2; } elseif (getenv('NUMBER')) $CONFIG['p'] = 3; else $CONFIG['p'] = 4;
} else {
  $CONFIG['p'] = 5;
}
if (getenv('UNSET')):
  $CONFIG['q'] = 1;
elseif (getenv('EMPTY')):
  $CONFIG['q'] = 2;
else:
  $CONFIG['q'] = 3;
endif;
$CONFIG['r'] ??= 'r';
$CONFIG['r'] ??= 's';
$CONFIG['a'] .= '!';
$CONFIG['list'][] = 'x';
$CONFIG['list'][] = 'y';
unset($CONFIG['b'], $CONFIG['absent']['deep']);
$CONFIG = array_replace($CONFIG, ['c' => 'C'], ['d' => 'D']);
$CONFIG = array_replace_recursive($CONFIG, ['list' => [1 => 'z', 2 => 'w']]);
