<?php
// PHP's constants that are the same everywhere, and those of its functions that are shorter in PHP than in Go.

// Constants that depend on PHP's version or build are left out.
const PHP_EOL = "\n", PHP_INT_MAX = 9223372036854775807, PHP_INT_MIN = -9223372036854775807 - 1, PHP_INT_SIZE = 8, PHP_MAXPATHLEN = 4096,
    PHP_FLOAT_EPSILON = 2 ** -52, PHP_FLOAT_MAX = 1.7976931348623157e308, PHP_FLOAT_MIN = 2.2250738585072014e-308, PHP_FLOAT_DIG = 15,
    DIRECTORY_SEPARATOR = '/', PATH_SEPARATOR = ':', PHP_OS = 'Linux', PHP_OS_FAMILY = 'Linux',
    INF = 1e999, NAN = 1e999 - 1e999, M_PI = 3.141592653589793, M_E = 2.718281828459045,
    STR_PAD_LEFT = 0, STR_PAD_RIGHT = 1, STR_PAD_BOTH = 2, PATHINFO_DIRNAME = 1, PATHINFO_BASENAME = 2, PATHINFO_EXTENSION = 4,
    PATHINFO_FILENAME = 8, ARRAY_FILTER_USE_KEY = 2, ARRAY_FILTER_USE_BOTH = 1, JSON_ERROR_NONE = 0, JSON_ERROR_DEPTH = 1,
    JSON_ERROR_SYNTAX = 4, JSON_ERROR_UTF8 = 5, JSON_OBJECT_AS_ARRAY = 1, JSON_BIGINT_AS_STRING = 2, JSON_THROW_ON_ERROR = 1 << 22,
    FILTER_VALIDATE_INT = 257, FILTER_VALIDATE_BOOLEAN = 258, FILTER_VALIDATE_BOOL = 258, FILTER_VALIDATE_FLOAT = 259,
    FILTER_DEFAULT = 516, FILTER_UNSAFE_RAW = 516, FILTER_NULL_ON_FAILURE = 134217728, PHP_URL_SCHEME = 0, PHP_URL_HOST = 1,
    PHP_URL_PORT = 2, PHP_URL_USER = 3, PHP_URL_PASS = 4, PHP_URL_PATH = 5, PHP_URL_QUERY = 6, PHP_URL_FRAGMENT = 7, LOG_EMERG = 0,
    LOG_ALERT = 1, LOG_CRIT = 2, LOG_ERR = 3, LOG_WARNING = 4, LOG_NOTICE = 5, LOG_INFO = 6, LOG_DEBUG = 7;

// Those of classes. PDO's numbers for MySQL are those of mysqlnd, which PHP is built with by default.
foreach (explode(' ', 'ATTR_USE_BUFFERED_QUERY=1000 ATTR_LOCAL_INFILE=1001 ATTR_INIT_COMMAND=1002 ATTR_COMPRESS=1003 ATTR_DIRECT_QUERY=1004' .
    ' ATTR_FOUND_ROWS=1005 ATTR_IGNORE_SPACE=1006 ATTR_SSL_KEY=1007 ATTR_SSL_CERT=1008 ATTR_SSL_CA=1009 ATTR_SSL_CAPATH=1010' .
    ' ATTR_SSL_CIPHER=1011 ATTR_SERVER_PUBLIC_KEY=1012 ATTR_MULTI_STATEMENTS=1013 ATTR_SSL_VERIFY_SERVER_CERT=1014' .
    ' ATTR_LOCAL_INFILE_DIRECTORY=1015') as $constant) {
    [$name, $number] = explode('=', $constant);
    define('pdo::MYSQL_' . $name, (int) $number);
    define('pdo\mysql::' . $name, (int) $number);
}
foreach (explode(' ', 'ATTR_AUTOCOMMIT=0 ATTR_PREFETCH=1 ATTR_TIMEOUT=2 ATTR_ERRMODE=3 ATTR_CASE=8 ATTR_ORACLE_NULLS=11 ATTR_PERSISTENT=12' .
    ' ATTR_STATEMENT_CLASS=13 ATTR_STRINGIFY_FETCHES=17 ATTR_DEFAULT_FETCH_MODE=19 ATTR_EMULATE_PREPARES=20 ERRMODE_SILENT=0' .
    ' ERRMODE_WARNING=1 ERRMODE_EXCEPTION=2 FETCH_ASSOC=2 FETCH_NUM=3 FETCH_BOTH=4 FETCH_OBJ=5 CASE_NATURAL=0 CASE_UPPER=1 CASE_LOWER=2') as $constant) {
    [$name, $number] = explode('=', $constant);
    define('pdo::' . $name, (int) $number);
}
foreach (['NONE', 'ERROR', 'DISTRIBUTE', 'DISTRIBUTE_SLAVES'] as $number => $name) define('rediscluster::FAILOVER_' . $name, $number);

// Arguments are converted as the types of the parameters say, $rest is a list of all further ones, what beyond() returns is not known,
// and exceptions have no message, as the words of PHP's own depend on its version.

function ucfirst(string $s) { return strtoupper(substr($s, 0, 1)) . substr($s, 1); }

function lcfirst(string $s) { return strtolower(substr($s, 0, 1)) . substr($s, 1); }

function substr_count(string $s, string $part) { return count(explode($part, $s)) - 1; }

function stripos(string $s, string $part, int $offset = 0) { return strpos(strtolower($s), strtolower($part), $offset); }

function strstr(string $s, string $part, bool $before = false) {
    $i = strpos($s, $part);
    return $i === false ? false : ($before ? substr($s, 0, $i) : substr($s, $i));
}

function strrchr(string $s, string $part) {
    $i = strrpos($s, substr($part . "\0", 0, 1));
    return $i === false ? false : substr($s, $i);
}

function str_pad(string $s, int $length, string $with = ' ', int $side = STR_PAD_RIGHT) {
    $missing = $length - strlen($s);
    if ($missing <= 0) return $s;
    if ($with === '' || $side < STR_PAD_LEFT || $side > STR_PAD_BOTH) throw new ValueError;
    $left = match ($side) { STR_PAD_LEFT => $missing, STR_PAD_RIGHT => 0, STR_PAD_BOTH => intdiv($missing, 2) };
    $filling = str_repeat($with, intdiv($missing, strlen($with)) + 1);
    return substr($filling, 0, $left) . $s . substr($filling, 0, $missing - $left);
}

function strtr(string $s, $from, $to = null) {
    if (is_array($to) || is_array($from) !== ($to === null)) throw new TypeError;
    if ($to !== null) {
        $pairs = [];
        $from = (string) $from;
        $to = (string) $to;
        for ($i = 0; $i < min(strlen($from), strlen($to)); $i++) $pairs[$from[$i]] = $to[$i];
        $from = $pairs;
    }
    if (array_key_exists('', $from)) return beyond('strtr() with an empty key');
    $longest = 0;
    foreach ($from as $old => $new) $longest = max($longest, strlen((string) $old));
    $parts = [];
    for ($i = 0; $i < strlen($s); $i += max($n, 1)) {
        $n = min($longest, strlen($s) - $i);
        while ($n > 0 && !array_key_exists(substr($s, $i, $n), $from)) $n--;
        $parts[] = $n > 0 ? $from[substr($s, $i, $n)] : $s[$i];
    }
    return implode('', $parts);
}

function str_replace($search, $replace, $subject) {
    if (is_array($subject)) return beyond('str_replace() in an array');
    if (is_object($search) || is_object($replace) || is_object($subject) || is_array($replace) && !is_array($search)) throw new TypeError;
    $subject = (string) $subject;
    $new = is_array($replace) ? array_values($replace) : [];
    foreach (array_values(is_array($search) ? $search : [$search]) as $i => $old) {
        $with = is_array($replace) ? $new[$i] ?? '' : $replace;
        if ((string) $old !== '') $subject = implode((string) $with, explode((string) $old, $subject));
    }
    return $subject;
}

function json_encode($v) {
    if ($v === null) return 'null';
    if (is_bool($v)) return $v ? 'true' : 'false';
    if (is_int($v)) return (string) $v;
    if (is_string($v) && trim($v, ' ..~') === '' && !str_contains($v, '"') && !str_contains($v, '\\')) return '"' . str_replace('/', '\/', $v) . '"';
    if (!is_array($v)) return beyond('json_encode() of this value');
    $list = array_is_list($v);
    $items = [];
    foreach ($v as $key => $item) $items[] = ($list ? '' : json_encode((string) $key) . ':') . json_encode($item);
    return ($list ? '[' : '{') . implode(',', $items) . ($list ? ']' : '}');
}

function dirname(string $path, int $levels = 1) {
    if ($levels < 1) throw new ValueError;
    for (; $levels > 0 && $path !== '' && $path !== '/' && $path !== '.'; $levels--) {
        $path = rtrim($path, '/');
        $i = strrpos($path, '/');
        if ($i !== false) $path = rtrim(substr($path, 0, $i), '/');
        elseif ($path !== '') return '.';
        if ($path === '') return '/';
    }
    return $path;
}

function basename(string $path, string $suffix = '') {
    $path = rtrim($path, '/');
    $i = strrpos($path, '/');
    $base = $i === false ? $path : substr($path, $i + 1);
    return $suffix !== '' && $suffix !== $base && str_ends_with($base, $suffix) ? substr($base, 0, -strlen($suffix)) : $base;
}

function pathinfo(string $path, int $part = 15) {
    $info = [];
    if ($path !== '') $info['dirname'] = dirname($path);
    $base = basename($path);
    $info['basename'] = $base;
    $dot = strrpos($base, '.');
    if ($dot !== false) $info['extension'] = substr($base, $dot + 1);
    $info['filename'] = $dot === false ? $base : substr($base, 0, $dot);
    return match ($part) {
        15 => $info,
        PATHINFO_DIRNAME => $info['dirname'] ?? '',
        PATHINFO_BASENAME => $info['basename'],
        PATHINFO_EXTENSION => $info['extension'] ?? '',
        PATHINFO_FILENAME => $info['filename'],
        default => beyond('pathinfo() with these flags'),
    };
}

function gettype($v) {
    return match (get_debug_type($v)) {
        'null' => 'NULL', 'bool' => 'boolean', 'int' => 'integer', 'float' => 'double', 'string' => 'string', 'array' => 'array',
        default => 'object',
    };
}

function get_class($object) {
    if (!is_object($object)) throw new TypeError;
    return get_debug_type($object);
}

function intval($v, int $base = 10) { return $base === 10 ? (int) $v : beyond('intval() with another base'); }

function intdiv(int $m, int $n) {
    if ($m === PHP_INT_MIN && $n === -1) throw new ArithmeticError;
    return ($m - $m % $n) / $n;
}

function abs($n) {
    if (is_string($n) && !is_numeric($n)) throw new TypeError;
    $n += 0;
    return $n < 0 ? -$n : $n;
}

function array_sum(array $a) {
    $sum = 0;
    foreach ($a as $v) {
        $text = is_string($v) && !is_numeric($v);
        $begins = $text && ltrim($v, "0..9+-. \t\n\r\v\f") !== $v; // as a number does
        if (is_object($v) || $begins && (strlen($v) > 18 || str_contains($v, '.') || stripos($v, 'e') !== false))
            return beyond('array_sum() of these values');
        if ($text) $sum += (int) $v;
        elseif (is_numeric($v) || is_bool($v)) $sum += $v;
    }
    return $sum;
}

function filter_var($v, int $filter = FILTER_DEFAULT, $flags = 0) {
    if (is_array($v) || is_object($v) || $flags !== 0 && $flags !== FILTER_NULL_ON_FAILURE) return beyond('filter_var() in this form');
    $text = strtolower(trim((string) $v, " \t\n\r\v"));
    $digits = ltrim($text, '+-');
    $plain = $digits === '0' || $digits !== '' && $digits[0] !== '0' && trim($digits, '0..9') === '';
    return match ($filter) {
        FILTER_VALIDATE_INT => $plain && strlen($text) - strlen($digits) <= 1 && is_int($text + 0) ? (int) $text : ($flags === 0 ? false : null),
        FILTER_VALIDATE_BOOL => match ($text) {
            '1', 'true', 'on', 'yes' => true,
            '0', 'false', 'off', 'no', '' => false,
            default => $flags === 0 ? false : null,
        },
        default => beyond('filter_var() with this filter'),
    };
}

function range($from, $to, $step = 1) {
    if (!is_int($from) || !is_int($to) || !is_int($step) || $step < 1 || $from !== $to && $step > max($to - $from, $from - $to))
        return beyond('range() of these values');
    $list = [];
    for (; $from < $to; $from += $step) $list[] = $from;
    for (; $from > $to; $from -= $step) $list[] = $from;
    if ($from === $to) $list[] = $to;
    return $list;
}

function in_array($wanted, array $a, bool $strict = false) { return array_search($wanted, $a, $strict) !== false; }

function array_search($wanted, array $a, bool $strict = false) {
    foreach ($a as $k => $v) if ($strict ? $wanted === $v : $wanted == $v) return $k;
    return false;
}

function array_is_list(array $a) { return array_keys($a) === array_keys(array_values($a)); }

function array_map($f, array $a) {
    if ($f === null) return $a;
    if (count($a) === 0) return get_debug_type($f) === 'Closure' || is_string($f) && function_exists($f) ? [] : beyond('array_map() of nothing');
    $mapped = [];
    foreach ($a as $k => $v) $mapped[$k] = $f($v);
    return $mapped;
}

function array_key_first(array $a) {
    foreach ($a as $k => $v) return $k;
    return null;
}

function array_key_last(array $a) {
    $k = null;
    foreach ($a as $k => $v);
    return $k;
}

function array_slice(array $a, int $offset, ?int $length = null, bool $keep = false) {
    if ($offset < 0) $offset = max($offset + count($a), 0);
    $end = $length === null ? count($a) : ($length < 0 ? count($a) + $length : $offset + $length);
    $part = [];
    $i = 0;
    foreach ($a as $k => $v) {
        if ($i >= $offset && $i < $end) {
            if ($keep || is_string($k)) $part[$k] = $v;
            else $part[] = $v;
        }
        $i++;
    }
    return $part;
}

function array_reverse(array $a, bool $keep = false) {
    $keys = array_keys($a);
    $reversed = [];
    for ($i = count($keys) - 1; $i >= 0; $i--) {
        if ($keep || is_string($keys[$i])) $reversed[$keys[$i]] = $a[$keys[$i]];
        else $reversed[] = $a[$keys[$i]];
    }
    return $reversed;
}

function array_chunk(array $a, int $size, bool $keep = false) {
    if ($size < 1) throw new ValueError;
    $chunks = [];
    $chunk = [];
    foreach ($a as $k => $v) {
        if ($keep) $chunk[$k] = $v;
        else $chunk[] = $v;
        if (count($chunk) === $size) {
            $chunks[] = $chunk;
            $chunk = [];
        }
    }
    if (count($chunk) > 0) $chunks[] = $chunk;
    return $chunks;
}

function array_combine(array $keys, array $values) {
    if (count($keys) !== count($values)) throw new ValueError;
    $values = array_values($values);
    $combined = [];
    $i = 0;
    foreach ($keys as $key) $combined[(string) $key] = $values[$i++];
    return $combined;
}

function array_fill_keys(array $keys, $value) {
    $filled = [];
    foreach ($keys as $key) $filled[(string) $key] = $value;
    return $filled;
}

function array_flip(array $a) {
    $flipped = [];
    foreach ($a as $k => $v) if (is_int($v) || is_string($v)) $flipped[$v] = $k;
    return $flipped;
}

function array_unique(array $a) {
    $unique = [];
    $seen = [];
    foreach ($a as $k => $v) {
        if (!isset($seen[(string) $v])) $unique[$k] = $v;
        $seen[(string) $v] = true;
    }
    return $unique;
}

function array_column(array $rows, $column) {
    $values = [];
    if (!is_int($column) && !is_string($column)) return beyond('array_column() of this column');
    foreach ($rows as $row) {
        if (is_object($row)) return beyond('array_column() of objects');
        if (is_array($row) && array_key_exists($column, $row)) $values[] = $row[$column];
    }
    return $values;
}

function array_diff(array $a, array $rest) {
    $others = [];
    foreach ($rest as $list) $others += array_fill_keys($list, true);
    return array_filter($a, fn($v) => !isset($others[(string) $v]));
}

function array_diff_key(array $a, array $rest) {
    $others = [];
    foreach ($rest as $list) foreach ($list as $k => $v) $others[$k] = true;
    $left = [];
    foreach ($a as $k => $v) if (!isset($others[$k])) $left[$k] = $v;
    return $left;
}

function array_intersect(array $a, array $rest) {
    foreach ($rest as $list) {
        $others = array_fill_keys($list, true);
        $a = array_filter($a, fn($v) => isset($others[(string) $v]));
    }
    return $a;
}

function array_intersect_key(array $a, array $rest) {
    foreach ($rest as $list) {
        $left = [];
        foreach ($a as $k => $v) if (array_key_exists($k, $list)) $left[$k] = $v;
        $a = $left;
    }
    return $a;
}

function array_merge_recursive(array $rest) {
    $merge = function ($merge, $into, $from) {
        foreach ($from as $k => $v) {
            if (is_int($k)) $into[] = $v;
            elseif (!array_key_exists($k, $into)) $into[$k] = $v;
            else $into[$k] = $merge($merge, is_array($into[$k]) ? $into[$k] : [$into[$k]], is_array($v) ? $v : [$v]);
        }
        return $into;
    };
    $merged = [];
    foreach ($rest as $a) $merged = $merge($merge, $merged, $a);
    return $merged;
}
