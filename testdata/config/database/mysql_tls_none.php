<?php
$CONFIG = [
    'overwrite.cli.url' => 'https://cloud.example.com',
    'dbtype' => 'mysql',
    'dbhost' => '10.0.0.5',
    'dbdriveroptions' => [
    ],
];
