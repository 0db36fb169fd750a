<?php
$CONFIG = [
    'overwrite.cli.url' => 'https://cloud.example.com',
    'redis.cluster' => null,
];
