<?php
function f($n) { return f($n + 1); }
$CONFIG = ['dbhost' => 'db', 'x' => f(0)];
