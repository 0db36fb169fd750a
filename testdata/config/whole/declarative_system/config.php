<?php
$CONFIG = array (
  'instanceid' => 'oc1',
  'secret' => 's',
  'version' => '30.0.0',
);
