<?php
$CONFIG = ['dbtype' => 'mysql', 'dbhost' => "db.example.com\v", 'dbname' => 'nextcloud', 'dbuser' => 'u', 'dbpassword' => 'p'];
