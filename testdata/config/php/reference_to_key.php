<?php
$CONFIG = ['dbtype' => 'mysql', 'a' => 1, 'b' => 2];
$r = &$CONFIG['a'];
$r = 5;
$CONFIG['b'] = 7;
$CONFIG['seen'] = $CONFIG['a'];
$CONFIG['a'] = 6;
$CONFIG['r'] = $r;
$x = 1; $array = ['k' => &$x]; $x = 2; $copy = $array; $copy['k'] = 3; $CONFIG['x'] = $x;
$CONFIG['c'] = &$y; $y = 4; $CONFIG['y'] = $y;
$r = &$fresh; $r = 8; $CONFIG['fresh'] = $fresh;
unset($y); $y = 9; $CONFIG['own'] = $y;
