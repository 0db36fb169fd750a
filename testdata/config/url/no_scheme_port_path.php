<?php
$CONFIG = [
    'overwrite.cli.url' => 'cloud.example.com:8443/nc',
];
