<?php
$CONFIG = [
    'overwrite.cli.url' => 'https://cloud.example.com',
    'redis' => ['host' => 'tls://redis', 'ssl_context' => ['cafile' => '/ca.pem']],
];
