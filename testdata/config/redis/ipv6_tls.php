<?php
$CONFIG = [
    'overwrite.cli.url' => 'https://cloud.example.com',
    'redis' => ['host' => 'tls://[fd00::1]', 'port' => 6380],
];
