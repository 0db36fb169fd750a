<?php
if (!function_exists('nc_env')) {
	function nc_env($name, $default = null) { $v = getenv($name); return $v === false ? $default : $v; }
}
if (!\function_exists('NC_Env')) { function nc_env() { return 'second'; } }
$CONFIG = ['dbhost' => nc_env('GUARDED_HOST', 'localhost'), 'other' => function_exists('nobody_declares_this')];
