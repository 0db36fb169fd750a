<?php
$CONFIG = ['redis' => ['host' => "/run/redis.sock\f", 'port' => 0]];
