<?php
$CONFIG = [
    'overwrite.cli.url' => 'https://cloud.example.com',
    'redis.cluster' => ['seeds' => ['a:1', 'tcp://b:2'], 'ssl_context' => ['cafile' => '/ca.pem']],
];
