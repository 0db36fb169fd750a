<?php
$CONFIG = [ 'a' => ;
$CONFIG['redis'] = ['host' => 'redis'];
$CONFIG['dbpassword'] = 'x';
