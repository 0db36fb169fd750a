<?php
$CONFIG = [
    'overwrite.cli.url' => 'https://cloud.example.com',
    'redis.cluster' => ['seeds' => ['a:1']],
    'redis' => ['host' => 'other'],
    'notify_push_redis' => ['host' => 'mine', 'dbindex' => 5],
];
