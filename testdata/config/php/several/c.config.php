<?php
$CONFIG = array('dbuser' => 'u'
