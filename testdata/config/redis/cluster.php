<?php
$CONFIG = [
    'overwrite.cli.url' => 'https://cloud.example.com',
    'redis.cluster' => ['seeds' => ['node2:7001', 'tls://node1:7000', '[::1]:7002', 'node3'], 'user' => 'u', 'password' => 'p', 'dbindex' => 4],
    'redis' => ['host' => 'other'],
];
