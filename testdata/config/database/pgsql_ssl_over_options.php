<?php
$CONFIG = [
    'overwrite.cli.url' => 'https://cloud.example.com',
    'dbtype' => 'pgsql',
    'dbhost' => 'db;sslmode=disable',
    'pgsql_ssl' => ['mode' => 'require'],
];
