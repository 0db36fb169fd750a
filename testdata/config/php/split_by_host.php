<?php
$CONFIG = ['overwrite.cli.url' => 'https://' . ($_SERVER['HTTP_HOST'] ?? 'cloud.example.com'), 'dbhost' => 'db'];
if (isset($_SERVER['HTTP_X_FORWARDED_HOST'])) { $CONFIG['overwritehost'] = $_SERVER['HTTP_X_FORWARDED_HOST']; }
if (isset($_SERVER['REMOTE_ADDR']) && $_SERVER['REMOTE_ADDR'] === '10.0.0.1') $CONFIG['overwriteprotocol'] = 'https';
