<?php
$CONFIG = [
    'overwrite.cli.url' => 'ftp://cloud.example.com',
];
