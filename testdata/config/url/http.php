<?php
$CONFIG = [
    'overwrite.cli.url' => 'http://127.0.0.1:8080/',
];
