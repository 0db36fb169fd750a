<?php
$CONFIG = ['redis' => ['host' => "redis\v", 'port' => 6380]];
