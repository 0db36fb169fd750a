<?php
$CONFIG = ['dbhost' => 'db', 'zero' => file_get_contents('/dev/zero'), 'wrapper' => file_get_contents('php://stdin')];
