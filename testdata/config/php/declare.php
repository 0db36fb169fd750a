<?php
declare(strict_types=1);
$CONFIG = ['dbhost' => 'db', 'port' => (string) 5];
