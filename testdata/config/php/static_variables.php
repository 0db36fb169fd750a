<?php
function next_of() { static $n = 0; return ++$n; }
function counter() { return function () { static $n = 0; return ++$n; }; }
$first = counter();
$second = counter();
$same = $first;
$named = next_of(...);
foreach ([1, 10] as $step) {
  $steps[] = function () use ($step) { static $n = 0; return $n += $step; };
}
$CONFIG = [
  'function' => [next_of(), $named(), (next_of(...))(), call_user_func('next_of')],
  'closures' => [$first(), $first(), $second(), $same()],
  'of a loop' => [$steps[0](), $steps[0](), $steps[1]()],
  'made anew' => [counter()(), counter()()],
];
