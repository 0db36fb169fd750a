<?php
$CONFIG = ['dbhost' => 'db', 'o' => (object) array('a' => 1)];
$CONFIG['p'] = stdClass::__set_state(array('a' => 1));
