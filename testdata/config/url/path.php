<?php
$CONFIG = [
    'overwrite.cli.url' => 'https://example.com/nextcloud',
];
