<?php
$CONFIG = [
    'overwrite.cli.url' => 'cloud.example.com',
];
