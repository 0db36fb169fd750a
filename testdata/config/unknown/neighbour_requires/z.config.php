<?php
require '/nowhere/x.php';
$CONFIG['redis'] = ['host' => 'redis'];
$CONFIG['dbpassword'] = 'x';
