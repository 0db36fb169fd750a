<?php
$CONFIG = [
    'overwrite.cli.url' => 'https://cloud.example.com',
    'redis' => ['host' => '/run/redis/redis.sock', 'port' => 6379],
];
