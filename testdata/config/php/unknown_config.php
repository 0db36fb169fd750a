<?php
$CONFIG = ['dbhost' => 'db'];
$CONFIG = array_merge($CONFIG, fetch_from_vault());
