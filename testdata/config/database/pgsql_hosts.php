<?php
$CONFIG = [
    'overwrite.cli.url' => 'https://cloud.example.com',
    'dbtype' => 'pgsql',
    'dbhost' => 'a:1,b:2',
];
