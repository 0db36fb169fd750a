<?php
$CONFIG = array (
  'instanceid' => 'oc1234567890',
  'trusted_domains' =>
  array (
    0 => 'localhost',
    1 => 'cloud.example.com',
  ),
  'dbtype' => 'mysql',
  'dbhost' => 'db:3307',
  'dbport' => '',
  'dbpassword' => 'it\'s \\ a "secret" $x',
  'loglevel' => 2,
  'maintenance' => false,
  'mysql.utf8mb4' => true,
  'ratio' => 0.5,
);
