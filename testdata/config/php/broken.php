<?php
$CONFIG = array(
  'dbhost' => 'db'
  'dbuser' => 'u',
);
