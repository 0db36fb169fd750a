<?php
function given($x = 1, $y = 5) { return [func_get_args(), func_num_args()]; }
function changed($x) { $x = 'changed'; return func_get_args(); }
function rest($x, ...$more) { $more = []; return func_get_args(); }
function removed($x) { unset($x); return func_get_args(); }
$CONFIG = [
  'none' => given(),
  'more' => given(1, 2, 3),
  'named' => given(y: 3),
  'spread' => given(...['y' => 3, 'x' => 2]),
  'changed' => changed('given'),
  'rest' => [rest(1, 2, 3), rest(1, named: 2)],
  'removed' => removed(1),
];
