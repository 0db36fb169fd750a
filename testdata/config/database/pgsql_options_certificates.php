<?php
$CONFIG = [
    'overwrite.cli.url' => 'https://cloud.example.com',
    'dbtype' => 'pgsql',
    'dbhost' => 'db;sslmode=verify-full;sslrootcert=/ca.pem;sslcert=/c.pem;sslkey=/k.pem;sslcrl=/crl.pem',
];
