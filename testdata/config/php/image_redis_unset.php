<?php
if (getenv('CACHE_HOST')) {
  $CONFIG = array(
    'memcache.distributed' => '\OC\Memcache\Redis',
    'redis' => array(
      'host' => getenv('CACHE_HOST'),
      'password' => getenv('CACHE_PASSWORD_FILE') ? trim(file_get_contents(getenv('CACHE_PASSWORD_FILE'))) : (string) getenv('CACHE_PASSWORD'),
    ),
  );
  if (getenv('CACHE_PORT') !== false) {
    $CONFIG['redis']['port'] = (int) getenv('CACHE_PORT');
  } elseif (getenv('CACHE_HOST')[0] != '/') {
    $CONFIG['redis']['port'] = 6379;
  }
  if (getenv('CACHE_SEEDS')) {
    $CONFIG['redis.cluster'] = ['seeds' => array_values(array_filter(array_map('trim', explode(',', getenv('CACHE_SEEDS'))), function ($seed) { return $seed !== ''; }))];
  }
  $tls = getenv('CACHE_TLS');
  $CONFIG['tls'] = $tls == true && strtolower($tls) !== 'false';
  $CONFIG['tls2'] = (strtolower((string) $tls) === 'false' || $tls == false) ? false : true;
}
