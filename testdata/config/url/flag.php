<?php
$CONFIG = [
    'dbtype' => 'sqlite',
];
