<?php
$CONFIG = [
    'overwrite.cli.url' => 'https://cloud.example.com',
    'dbtype' => getenv('TYPE'),
    'dbhost' => getenv('DB') ?: 'fallback',
    'dbname' => getenv('NAME') ?: 'fallback',
];
