<?php
$CONFIG = ['before' => isset($file) ? 'set' : 'not set'];
$file = '/etc/hostname';
$CONFIG['here'] = basename($file);
