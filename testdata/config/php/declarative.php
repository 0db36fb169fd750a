<?php
function read_secret($name) {
  $folder = getenv("SECRETS");
  if (!$folder) {
    error_log(sprintf("cannot read '%s', \$SECRETS is not set", $name));
    exit(1);
  }
  $path = $folder . "/" . $name;
  if (!is_readable($path)) {
    throw new \RuntimeException(sprintf("cannot read %s", $path));
  }
  return trim(file_get_contents($path));
}
function decode_file($file, $error) {
  if (!file_exists($file)) {
    throw new \RuntimeException(sprintf($error, $file));
  }
  $decoded = json_decode(file_get_contents($file), true);
  if (json_last_error() !== JSON_ERROR_NONE) {
    throw new \RuntimeException(sprintf("cannot decode %s: %s", $file, json_last_error_msg()));
  }
  return $decoded;
}
$CONFIG = [
  'apps_paths' => [
    [ 'path' => '/var/lib/nextcloud/apps', 'url' => '/apps', 'writable' => false ],
  ],
  'dbname' => 'nextcloud',
  'dbpassword' => read_secret('secret.txt'),
];
$CONFIG = array_replace_recursive($CONFIG, decode_file(
  __DIR__ . "/parts/values.json",
  "never: %s"
));
