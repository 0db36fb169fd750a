<?php
$CONFIG = [
    'overwrite.cli.url' => 'https://cloud.example.com',
    'redis' => ['host' => 'tcp://redis', 'ssl_context' => ['cafile' => '/ca.pem']],
];
