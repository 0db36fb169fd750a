<?php
$CONFIG = [
  'strings' => [strtolower('ABC'), strtoupper('abc'), ucfirst('abc'), trim("  x\n"), rtrim('x//', '/'), ltrim('0012', '0'), trim('abcxcba', 'a..c'),
    str_replace('a', 'b', 'banana'), str_replace(['a', 'n'], ['1'], 'banana'), substr('abcdef', 1, -2), substr('abc', 5), strlen('é'), strpos('abc', 'c'),
    strpos('abc', 'x'), str_pad('7', 3, '0', STR_PAD_LEFT), str_repeat('ab', 3), strrev('abc'), sprintf('%s:%05d %.2f %x %%', 'h', 42, 1.5, 255),
    explode(',', 'a,b,,c'), explode(',', 'a,b,c', 2), explode(',', 'a,b,c', -1), implode('-', ['a', 1, true, null]), implode(['x', 'y']),
    strtr('abc', 'ab', 'xy'), strtr('hello', ['he' => 'je', 'l' => 'L']), str_contains('abc', 'b'), str_starts_with('abc', 'a'), str_ends_with('abc', 'x'),
    base64_encode('xyz'), base64_decode('eHl6'), bin2hex('ab'), urlencode('a b&c'), rawurlencode('a b'), urldecode('a%20b+c'), strstr('user@host', '@'), strstr('user@host', '@', true), strrchr('a.b.c', '.')],
  'arrays' => [array_merge([1, 'a' => 2], [3, 'a' => 4]), [1, 2] + [5, 6, 7], array_keys(['x' => 1, 2]), array_values(['x' => 1]), array_flip(['a', 'b']), array_combine(['a', 'b'], [1, 2]),
    array_fill_keys(['a', 'b'], 0), array_fill(5, 2, 'x'), array_slice([1, 2, 3, 4], 1, 2), array_slice(['a' => 1, 5 => 2], 1, null, true), array_reverse(['a', 'k' => 'b']), array_unique(['a', 'b', 'a']),
    array_diff([1, 2, 3], [2]), array_intersect_key(['a' => 1, 'b' => 2], ['a' => 0]), array_column([['n' => 1], ['n' => 2]], 'n'), in_array('1', [1, 2]), in_array('1', [1, 2], true), array_search(2, ['a' => 2]),
    array_key_exists('a', ['a' => null]), range(1, 5, 2), range(3, 1), count([1, [2]]), array_sum([1, 2.5]), array_key_last([1, 2]), array_merge_recursive(['a' => [1]], ['a' => [2], 'b' => 3]),
    array_filter(['a', '', null, '0', 'b']), array_map('trim', [' a ', 'k' => ' b ']), array_pad([1], 3, 0), array_chunk([1, 2, 3], 2), min(3, 1, 2), max([1, 5, 3]), compact('undefined'), array_is_list([1, 2])],
  'types' => [is_string('x'), is_int('5'), is_numeric('5.5'), is_array([]), is_null(null), is_bool(0), gettype(1.5), intval('12abc'), intval('0x1A', 16), intval('42', 8), floatval('1.5x'), boolval('0'), strval(1.0),
    filter_var('yes', FILTER_VALIDATE_BOOLEAN), filter_var('maybe', FILTER_VALIDATE_BOOL, FILTER_NULL_ON_FAILURE), filter_var('42', FILTER_VALIDATE_INT), filter_var('4x', FILTER_VALIDATE_INT)],
  'numbers' => [abs(-5), floor(2.7), ceil(2.1), round(2.5), intdiv(7, 2), hexdec('ff'), octdec('640'), bindec('101'), dechex(255), 10 ** 20, 0.1 + 0.2, 1e100, 1 / 3],
  'floats' => [(string) 0.1, 1e15 . '', 1.5e-7 . '', 123456789.12345678 . '', -0.0 . '', 1e14 . '', 100000.0 . ''],
  'url' => parse_url('mysql://user:p%40ss@db.example.com:3306/nextcloud?charset=utf8#x'),
  'urlhost' => parse_url('https://cloud.example.com/nc', PHP_URL_HOST),
  'json' => [json_decode('{"a":1}', true)['a'], json_decode('nope'), json_last_error(), json_decode('[1]', false), json_last_error_msg()],
];
$stack = [3, 1, 2];
sort($stack); array_push($stack, 9); $last = array_pop($stack); array_unshift($stack, 0); $first = array_shift($stack);
$map = ['b' => 1, 'a' => 2]; ksort($map); $end = end($stack);
$CONFIG['stack'] = [$stack, $last, $first, $map, $end];
