<?php
$CONFIG = [
    'overwrite.cli.url' => 'https://cloud.example.com',
    'dbtype' => 'mysql',
    'dbhost' => '10.0.0.5',
    'dbdriveroptions' => [
        PDO::MYSQL_ATTR_SSL_CA => '/ca.pem',
        PDO::MYSQL_ATTR_SSL_VERIFY_SERVER_CERT => '0',
    ],
];
