<?php
$CONFIG = [
    'overwrite.cli.url' => 'https://cloud.example.com',
    'redis' => ['host' => '[::1]:6380'],
];
