<?php
/** $CONFIG = ['dbhost' => 'wrong']; */
// $CONFIG = ['dbhost' => 'wrong'];
$CONFIG /**/ = /* a */ Array(/**/
  'dbhost' /* => 'x' */ => 'db', /* 'dbuser' => 'x', */
  # 'dbname' => 'x',
  'dbuser' => 'u', // #[Attribute]
);
#[Something(1, "x]")]
function unused() {}
