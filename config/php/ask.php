<?php
// Includes configuration files as Nextcloud does and prints what they leave in $CONFIG. Standard input holds jobs: a JSON list of
// lists of paths. For each job one line of JSON is printed, in which every value carries its type.

if (!class_exists('OC', false)) {
	class OC {
		public static $SERVERROOT = '';
		public static $configDir = '';
	}
}

final class NotifyPushReader {
	private array $merged = [];

	public static function main(): void {
		$jobs = json_decode(stream_get_contents(STDIN), true);
		ob_start(static fn () => ''); // nothing that a file prints gets out
		foreach ($jobs as $files) {
			fwrite(STDOUT, json_encode(self::job($files), JSON_THROW_ON_ERROR, 10000) . "\n");
		}
	}

	private static function job(array $files): array {
		OC::$configDir = dirname($files[0]) . '/';
		OC::$SERVERROOT = dirname($files[0], 2);
		$reader = new self();
		try {
			$reader->readData($files);
		} catch (\Throwable $e) {
			// The message may quote a value, the class cannot.
			return ['error' => get_class($e) . ' in ' . basename($e->getFile()) . ':' . $e->getLine()];
		}
		return ['config' => self::tagged($reader->merged)];
	}

	// Its variables are there for the files, as those of Nextcloud's method are.
	private function readData(array $configFiles): void {
		foreach ($configFiles as $file) {
			unset($CONFIG);
			include $file;
			if (isset($CONFIG) && is_array($CONFIG)) {
				$this->merged = array_merge($this->merged, $CONFIG);
			}
		}
	}

	private static function tagged($value) {
		switch (true) {
			case is_int($value):
				return ['int' => (string)$value];
			case is_float($value):
				return ['float' => bin2hex(pack('E', $value))];
			case is_string($value):
				return ['string' => base64_encode($value)];
			case is_array($value):
				$items = [];
				foreach ($value as $key => $item) {
					$items[] = [self::tagged($key), self::tagged($item)];
				}
				return ['array' => $items];
			case $value instanceof \stdClass:
				return ['object' => self::tagged(get_object_vars($value))];
			case is_object($value) || is_resource($value):
				return ['other' => gettype($value)];
		}
		return $value;
	}
}

NotifyPushReader::main();
