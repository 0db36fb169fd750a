<?php
exit;
$CONFIG['redis'] = ['host' => 'redis'];
$CONFIG['dbpassword'] = 'x';
