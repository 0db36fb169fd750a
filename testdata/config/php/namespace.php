<?php
namespace My\Config;

use OC\Memcache as Cache;
use function strtoupper as up;
use const PHP_INT_SIZE as SIZE;

function local($x) { return strrev($x); }
$CONFIG = [
  'a' => strtolower('ABC'),
  'b' => \strtoupper('abc'),
  'c' => local('abc'),
  'd' => \My\Config\local('xyz'),
  'e' => namespace\local('q'),
  'f' => up('x'),
  'g' => SIZE,
  'h' => __NAMESPACE__,
  'i' => \PHP_INT_SIZE,
  'j' => TRUE,
];
return;
