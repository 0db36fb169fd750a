<?php
if (getenv('NOBODY_SETS_THIS')) {
  $CONFIG = ['dbhost' => 'elsewhere'];
}
