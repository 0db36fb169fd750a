<?php
$CONFIG = [
    'overwrite.cli.url' => 'https://cloud.example.com',
    'dbtype' => 'sqlite3',
    'datadirectory' => '/var/data/',
];
