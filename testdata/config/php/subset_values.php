<?php
namespace My\Config;

use OC\Memcache as Cache, PDO as Database;
use Pdo\Mysql;

function local($x) { return "<$x>"; }
$CONFIG = [
  'constants' => [\true, \FALSE, \null, \Null, true, PHP_INT_SIZE, \PHP_INT_MAX, \PHP_EOL],
  'functions' => [strtolower('ABC'), \strtoupper('abc'), local('abc'), \My\Config\local('xyz'), namespace\local('q')],
  'negative' => [-5 => 'a', 'b'],
  'negative and not needed' => ['x' => [-5 => 'a'], 'y' => [-5 => 'a', 3 => 'b', 'c']],
  'class' => Cache::class,
  'spread' => [...[1, 2], ...['x' => 3], 4],
];
[$a, $b] = explode(':', 'host:3306');
['x' => $x, 'y' => [$y]] = ['x' => 1, 'y' => [2]];
list($first, , $third) = [1, 2, 3];
[, $second] = explode(',', 'a,b');
$CONFIG['taken apart'] = [$a, $b, $x, $y, $first, $second, $third];
$i = 5; $j = $i++ + ++$i; $later = $i + ++$i; $i--; $s = 'a'; $s .= $i--; $n = null; $n++; $t = '5'; $t++;
$CONFIG['counts'] = [$i, $j, $later, $s, $n, $t];
$_SERVER['HTTPS'] = 'on';
$_ENV['OWN'] = 'set';
$CONFIG['server'] = [$_SERVER['HTTPS'], $_ENV['OWN'], $_SERVER['NOT_THERE'] ?? 'none'];
$copy = $CONFIG; $copy['counts'][] = 'changed'; $copy['counts'][0] = 'changed';
$CONFIG['json'] = [json_encode(['a' => [1, true, null, 'x/y'], 'b' => []]), json_decode('{"a":{"b":[1.5]}}', true), json_decode('{"p":1}')->p, json_last_error()];
$CONFIG['texts'] = [trim("  x\n"), rtrim('x//', '/'), ltrim('0012', '0'), trim('abcxcba', 'a..c'), str_replace('a', 'b', 'banana'), str_replace(['a', 'n'], ['1'], 'banana'),
  substr('abcdef', 1, -2), substr('abc', 5), strlen('é'), strpos('abc', 'c'), strpos('abc', 'x'), str_repeat('ab', 3), sprintf('%s:%05d %x %% %3s', 'h', 42, 255, 'z'),
  explode(',', 'a,b,,c'), explode(',', 'a,b,c', 2), explode(',', 'a,b,c', -1), implode('-', ['a', 1, true, null]), base64_encode('xyz'), base64_decode('eHl6'),
  hash('sha256', 'a'), md5('a'), rawurlencode('a b/~'), rawurldecode('a%20b+c'), urldecode('a%20b+c')];
$CONFIG['arrays'] = [array_merge([1, 'a' => 2], [3, 'a' => 4]), [1, 2] + [5, 6, 7], array_keys(['x' => 1, 2]), array_values(['x' => 1]), in_array('1', [1, 2]), in_array('1', [1, 2], true),
  array_search(2, ['a' => 2]), array_key_exists('a', ['a' => null]), array_merge_recursive(['a' => [1]], ['a' => [2], 'b' => 3]), array_replace_recursive(['a' => [1, 2]], ['a' => [1 => 3]]),
  array_filter(['a', '', null, '0', 'b']), array_map('trim', [' a ', 'k' => ' b ']), count([1, [2]])];
$CONFIG['types'] = [is_string('x'), is_int('5'), is_numeric('5.5'), is_array([]), is_null(null), is_bool(0), intval('12abc'), intval('42', 10), filter_var('42', FILTER_VALIDATE_INT), filter_var('4x', FILTER_VALIDATE_INT), floatval('1.5x'), boolval('0'), strval(1.0),
  filter_var('yes', FILTER_VALIDATE_BOOLEAN), filter_var('maybe', FILTER_VALIDATE_BOOL, FILTER_NULL_ON_FAILURE), 'ab' | 'c', 'ab' & 'c', 2 ** 10, 2 ** -1, 7 <=> '7'];
