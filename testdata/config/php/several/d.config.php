<?php
$CONFIG['dbname'] = 'n' . $shared;
