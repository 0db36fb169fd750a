<?php
$ready = false;
if (getenv('DB_NAME') && getenv('DB_PASSWORD')) {
  $AUTOCONFIG['dbtype'] = 'mysql';
  $ready = true;
}
if ($ready) { $AUTOCONFIG['directory'] = getenv('DATA_DIR') ?: '/var/www/html/data'; }
