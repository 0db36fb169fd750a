<?php
$CONFIG = [
    'overwrite.cli.url' => 'https://cloud.example.com',
    'dbtype' => 'pgsql',
    'dbhost' => 'db',
    'pgsql_ssl' => ['mode' => 'verify-ca', 'rootcert' => '/ca.pem', 'cert' => '/c.pem', 'key' => '/k.pem', 'crl' => '/crl.pem'],
];
