<?php
$CONFIG = [
  'long enough' => [array_pad([3 => 'c', 'k' => 'v'], 2, 0), array_pad([3 => 'c', 'k' => 'v'], -1, 0), array_pad([3 => 'c'], 0, 0)],
  'padded' => [array_pad([3 => 'c', 'k' => 'v'], 3, 0), array_pad([3 => 'c'], -3, 0)],
  'text' => [str_pad('abc', 2, ''), str_pad('abc', 0, 'x', 9), str_pad('abc', 5, 'xy')],
];
$object = (object) ['a' => 1];
$CONFIG['end'] = end($object);
