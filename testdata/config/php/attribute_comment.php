<?php
$CONFIG = [
  #['a' => 'commented'],
  'b' => 1,
];
