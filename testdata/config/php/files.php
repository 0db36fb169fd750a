<?php
$secret = trim(file_get_contents(__DIR__ . '/parts/secret.txt'));
$CONFIG = require __DIR__ . '/parts/values.php';
include __DIR__ . '/parts/assigns.php';
include_once(__DIR__ . '/parts/assigns.php');
$CONFIG['dbpassword'] = $secret;
$CONFIG['included'] = $included;
$CONFIG['helper'] = helper('x');
$CONFIG['missing'] = @file_get_contents(__DIR__ . '/parts/none');
$CONFIG['noinclude'] = @include __DIR__ . '/parts/none.php';
$CONFIG['exists'] = [file_exists(__DIR__ . '/parts/secret.txt'), is_file(__DIR__), is_dir(__DIR__), is_readable(__FILE__), file_exists('/nonexistent')];
$CONFIG['lines'] = file(__DIR__ . '/parts/list.txt');
$CONFIG['stripped'] = file(__DIR__ . '/parts/list.txt', FILE_IGNORE_NEW_LINES | FILE_SKIP_EMPTY_LINES);
$CONFIG['json'] = json_decode(file_get_contents(__DIR__ . '/parts/values.json'), true);
$CONFIG['jsonobject'] = json_decode('{"a":{"b":[]}}');
$CONFIG['glob'] = array_map('basename', glob(__DIR__ . '/parts/*.php'));
$CONFIG['paths'] = [dirname('/a/b/'), dirname('a'), dirname('/'), basename('/a/b.php', '.php'), pathinfo('/x/y.tar.gz'), pathinfo('z', PATHINFO_EXTENSION), realpath(__DIR__ . '/parts/../parts')];
