<?php
$CONFIG = [
    'overwrite.cli.url' => 'http://[::1]:8080',
];
