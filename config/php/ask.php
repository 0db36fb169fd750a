<?php
// Includes configuration files as Nextcloud does and prints what they leave in $CONFIG. Standard input holds jobs: a JSON list of
// lists of paths. For each job one line of JSON is printed, with the base64 of the value as PHP source, or an error.

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
			fwrite(STDOUT, json_encode(self::job($files), JSON_THROW_ON_ERROR) . "\n");
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
		return ['config' => base64_encode(var_export(array_map(static fn ($value) => self::isPlain($value) ? [$value] : null, $reader->merged), true))];
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

	// Says whether a value has a form as PHP source.
	private static function isPlain($value): bool {
		if ($value instanceof \stdClass) {
			$value = get_object_vars($value);
		}
		if (is_array($value)) {
			return array_reduce($value, static fn ($plain, $item) => $plain && self::isPlain($item), true);
		}
		return $value === null || is_scalar($value);
	}
}

NotifyPushReader::main();
