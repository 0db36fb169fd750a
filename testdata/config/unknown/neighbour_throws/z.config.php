<?php
throw new Exception('x');
$CONFIG['redis'] = ['host' => 'redis'];
$CONFIG['dbpassword'] = 'x';
