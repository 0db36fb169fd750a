<?php
if (!function_exists('posix_getuid')) {
    function posix_getuid() { return 33; }
}
$guarded = function_exists('mb_str_pad');
if (!$guarded) { function mb_str_pad($text) { return $text; } }
$CONFIG = ['dbuser' => 'user' . posix_getuid(), 'guarded' => $guarded, 'dbhost' => 'db.example.com'];
