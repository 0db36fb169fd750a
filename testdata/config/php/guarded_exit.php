<?php
if (!function_exists('something_of_an_extension')) { die('missing'); }
$CONFIG = ['dbhost' => 'db'];
