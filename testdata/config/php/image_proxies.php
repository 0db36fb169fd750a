<?php
$proxies = getenv('PROXIES');
if ($proxies) {
  $CONFIG['trusted_proxies'] = array_filter(array_map('trim', explode(' ', $proxies)));
}
$host = getenv('OVERWRITE');
if ($host) {
  $CONFIG['overwritehost'] = $host;
}
