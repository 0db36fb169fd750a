<?php
$CONFIG = [
    'overwrite.cli.url' => 'https://cloud.example.com',
    'redis' => ['host' => '/run/redis.sock', 'dbindex' => 2],
];
