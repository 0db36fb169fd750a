<?php
$CONFIG = ['dbhost' => 'db2', 'redis' => ['host' => $shared], 'seen' => isset($CONFIG), 7 => 'seven'];
