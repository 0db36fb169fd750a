<?php
$CONFIG = [
    'overwrite.cli.url' => 'https://cloud.example.com',
    'dbtype' => 'sqlite',
    'datadirectory' => '/var/data',
    'dbname' => 'cloud',
];
