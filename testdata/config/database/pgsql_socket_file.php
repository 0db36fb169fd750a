<?php
$CONFIG = [
    'overwrite.cli.url' => 'https://cloud.example.com',
    'dbtype' => 'pgsql',
    'dbhost' => '/run/postgresql/.s.PGSQL.5433',
];
