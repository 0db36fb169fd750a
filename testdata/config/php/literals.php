<?php
$more = ['x' => 1, 5 => 'five', 'y'];
$CONFIG = [
  'casts' => [(int) '5', (int) '12abc', (integer) 3.99, (bool) 'x', (boolean) '0', (float) '1.5e3', (double) 1, (string) 5.0, (array) 'a', (binary) 'b', ( int ) true],
  'object' => (object) ['a' => 1, 'b' => ['c' => 2]],
  'empty' => (object) [],
  'numbers' => [0x1F, 0b101, 017, 0o17, 0O17, 1_000_000, .5, 1., 1e3, 1E-3, 0xFFFFFFFFFFFFFFFF, 9223372036854775808, 0, 00, 08.5],
  'signs' => [+5, -5, - 5, -0.0, +'5', -'1.5'],
  'spread' => [...[1, 2], ...$more, 3],
  'keys' => ['1' => 'a', 1.7 => 'b', true => 'c', '01' => 'd', null => 'e', -5 => 'f', 'g', '-7' => 'h', '9223372036854775808' => 'i'],
  'array' => array('a', 'b' => array()),
  'b' => b'binary',
  'quote' => 'a\'b\\c\n',
];
