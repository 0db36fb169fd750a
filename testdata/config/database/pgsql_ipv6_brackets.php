<?php
$CONFIG = [
    'overwrite.cli.url' => 'https://cloud.example.com',
    'dbtype' => 'pgsql',
    'dbhost' => '[fd00::1]:5433',
];
