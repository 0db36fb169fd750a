<?php
$CONFIG = [
    'overwrite.cli.url' => 'https://cloud.example.com',
    'redis' => ['host' => 'unix:///run/redis/redis.sock'],
];
