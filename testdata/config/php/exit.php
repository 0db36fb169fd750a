<?php
if (!isset($_SERVER['NEVER_SET'])) { echo 'stop'; exit(1); }
$CONFIG = ['dbhost' => 'db'];
