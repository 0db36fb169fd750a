<?php
$CONFIG = [
    'dbtype' => 'mysql'
    'dbhost' => 'db',
];
