<?php
$CONFIG = [
    'overwrite.cli.url' => 'https://cloud.example.com',
    'redis' => [
        'host' => 'redis',
        'ssl_context' => ['cafile' => '/ca.pem', 'capath' => '/certs', 'local_cert' => '/c.pem', 'local_pk' => '/k.pem', 'passphrase' => 'x', 'verify_peer' => false, 'verify_peer_name' => false, 'allow_self_signed' => true, 'peer_name' => 'name'],
    ],
];
