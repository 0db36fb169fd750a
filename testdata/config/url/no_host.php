<?php
$CONFIG = [
    'overwrite.cli.url' => 'https:///x',
];
