<?php
$CONFIG = [
  # a comment
  'dbhost' => 'db', // another
  'nothing' => NULL, 'yes' => True, 'no' => FALSE,
  'list' => ['a', 'b', ['c',],],
  'dbhost' => 'later',
];
?>
trailing text
