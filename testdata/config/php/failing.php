<?php
$CONFIG = [
  'dbhost' => 'db',
  'session_lifetime' => 'a day' * 2,
];
