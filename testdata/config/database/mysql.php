<?php
$CONFIG = [
    'overwrite.cli.url' => 'https://cloud.example.com',
    'dbtype' => 'mysql',
    'dbhost' => 'db',
    'dbname' => 'nextcloud',
    'dbuser' => 'oc',
    'dbpassword' => 'secret',
];
