<?php
$CONFIG = ['dbhost' => 'db'];
while (true) { $x = 1; }
