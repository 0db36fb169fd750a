<?php
$CONFIG = ['dbhost' => 'db'];
try { $x = include __DIR__ . '/parts/broken.php'; } catch (ParseError $e) { $CONFIG['caught'] = true; }
