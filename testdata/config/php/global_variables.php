<?php
// Nextcloud includes the configuration in a method, so that its variables are not the global ones.
global $shared;
$shared = 'here';
$own = 'own';
function share($value) { global $shared; $shared = $value; }
function append($value) { global $list; $list[] = $value; return $list; }
function own() { global $own; return $own ?? 'nothing'; }
function fill(&$variable) { $variable = 'filled'; }
$CONFIG = ['before' => $shared];
share('by a function');
$CONFIG['function'] = $shared;
$GLOBALS['shared'] = 'by name';
$CONFIG['name'] = $shared;
$GLOBALS['nested']['a'] = 1;
$GLOBALS['list'] = [];
$CONFIG['list'] = [append(1), append(2), $GLOBALS['list']];
fill($GLOBALS['shared']);
$CONFIG['reference'] = $shared;
$CONFIG['own'] = own();
unset($GLOBALS['shared']);
$shared = 'not global any more';
$CONFIG['unset'] = (function () { global $shared; return $shared; })();
function seen() { global $seen; $seen[] = 'x'; return $seen; }
function set_seen($value) { global $seen; $seen = $value; }
set_seen([]);
$CONFIG['seen'] = seen();
$CONFIG['mapped'] = array_map('seen', preg_split('/,/', 'a,b'));
set_seen([]);
$CONFIG['seen later'] = seen();
