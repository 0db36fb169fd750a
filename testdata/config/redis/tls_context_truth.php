<?php
$CONFIG = [
    'overwrite.cli.url' => 'https://cloud.example.com',
    'redis' => ['host' => 'tls://redis', 'ssl_context' => ['verify_peer' => 0, 'verify_peer_name' => 'false']],
];
