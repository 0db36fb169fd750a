<?php
$CONFIG = array(
  'a' => 1, // one
  # two
  'b' => 'x
y',
);
