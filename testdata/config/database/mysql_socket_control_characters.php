<?php
$CONFIG = ['dbtype' => 'mysql', 'dbhost' => "localhost:/run/mysqld.sock\f", 'dbname' => 'nextcloud', 'dbuser' => 'u', 'dbpassword' => 'p'];
