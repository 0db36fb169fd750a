package php

import (
	"math"
	"strings"
)

// constants of PHP that are the same everywhere. Those that depend on its version or build are left out.
var constants = map[string]Value{
	"PHP_EOL": "\n", "PHP_INT_MAX": int64(math.MaxInt64), "PHP_INT_MIN": int64(math.MinInt64), "PHP_INT_SIZE": int64(8),
	"PHP_FLOAT_EPSILON": 0x1p-52, "PHP_FLOAT_MAX": math.MaxFloat64, "PHP_FLOAT_MIN": 0x1p-1022, "PHP_FLOAT_DIG": int64(15),
	"PHP_MAXPATHLEN": int64(4096), "DIRECTORY_SEPARATOR": "/", "PATH_SEPARATOR": ":", "PHP_OS": "Linux", "PHP_OS_FAMILY": "Linux",
	"NAN": math.NaN(), "INF": math.Inf(1), "M_PI": math.Pi, "M_E": math.E,
	"STR_PAD_LEFT": int64(0), "STR_PAD_RIGHT": int64(1), "STR_PAD_BOTH": int64(2),
	"PATHINFO_DIRNAME": int64(1), "PATHINFO_BASENAME": int64(2), "PATHINFO_EXTENSION": int64(4), "PATHINFO_FILENAME": int64(8),
	"ARRAY_FILTER_USE_KEY": int64(2), "ARRAY_FILTER_USE_BOTH": int64(1),
	"JSON_ERROR_NONE": int64(0), "JSON_ERROR_DEPTH": int64(1), "JSON_ERROR_SYNTAX": int64(4), "JSON_ERROR_UTF8": int64(5),
	"JSON_OBJECT_AS_ARRAY": int64(1), "JSON_BIGINT_AS_STRING": int64(2), "JSON_THROW_ON_ERROR": int64(1 << 22),
	"FILTER_VALIDATE_INT": int64(257), "FILTER_VALIDATE_BOOLEAN": int64(258), "FILTER_VALIDATE_BOOL": int64(258),
	"FILTER_VALIDATE_FLOAT": int64(259), "FILTER_DEFAULT": int64(516), "FILTER_UNSAFE_RAW": int64(516),
	"FILTER_NULL_ON_FAILURE": int64(134217728),
	"PHP_URL_SCHEME":         int64(0), "PHP_URL_HOST": int64(1), "PHP_URL_PORT": int64(2), "PHP_URL_USER": int64(3),
	"PHP_URL_PASS": int64(4), "PHP_URL_PATH": int64(5), "PHP_URL_QUERY": int64(6), "PHP_URL_FRAGMENT": int64(7),
	"LOG_EMERG": int64(0), "LOG_ALERT": int64(1), "LOG_CRIT": int64(2), "LOG_ERR": int64(3), "LOG_WARNING": int64(4),
	"LOG_NOTICE": int64(5), "LOG_INFO": int64(6), "LOG_DEBUG": int64(7),
}

// classConstants of the classes that configurations name, by class and constant. PDO's numbers for MySQL are those of mysqlnd,
// which PHP is built with by default.
var classConstants = map[string]map[string]Value{
	"pdo":          pdoConstants,
	`pdo\mysql`:    withoutPrefix(pdoConstants, "MYSQL_"),
	"rediscluster": {"FAILOVER_NONE": int64(0), "FAILOVER_ERROR": int64(1), "FAILOVER_DISTRIBUTE": int64(2), "FAILOVER_DISTRIBUTE_SLAVES": int64(3)},
}

var pdoConstants = map[string]Value{
	"MYSQL_ATTR_USE_BUFFERED_QUERY": int64(1000), "MYSQL_ATTR_LOCAL_INFILE": int64(1001), "MYSQL_ATTR_INIT_COMMAND": int64(1002),
	"MYSQL_ATTR_COMPRESS": int64(1003), "MYSQL_ATTR_DIRECT_QUERY": int64(1004), "MYSQL_ATTR_FOUND_ROWS": int64(1005),
	"MYSQL_ATTR_IGNORE_SPACE": int64(1006), "MYSQL_ATTR_SSL_KEY": int64(1007), "MYSQL_ATTR_SSL_CERT": int64(1008),
	"MYSQL_ATTR_SSL_CA": int64(1009), "MYSQL_ATTR_SSL_CAPATH": int64(1010), "MYSQL_ATTR_SSL_CIPHER": int64(1011),
	"MYSQL_ATTR_SERVER_PUBLIC_KEY": int64(1012), "MYSQL_ATTR_MULTI_STATEMENTS": int64(1013),
	"MYSQL_ATTR_SSL_VERIFY_SERVER_CERT": int64(1014), "MYSQL_ATTR_LOCAL_INFILE_DIRECTORY": int64(1015),

	"ATTR_AUTOCOMMIT": int64(0), "ATTR_PREFETCH": int64(1), "ATTR_TIMEOUT": int64(2), "ATTR_ERRMODE": int64(3), "ATTR_CASE": int64(8),
	"ATTR_ORACLE_NULLS": int64(11), "ATTR_PERSISTENT": int64(12), "ATTR_STATEMENT_CLASS": int64(13),
	"ATTR_STRINGIFY_FETCHES": int64(17), "ATTR_DEFAULT_FETCH_MODE": int64(19), "ATTR_EMULATE_PREPARES": int64(20),
	"ERRMODE_SILENT": int64(0), "ERRMODE_WARNING": int64(1), "ERRMODE_EXCEPTION": int64(2),
	"FETCH_ASSOC": int64(2), "FETCH_NUM": int64(3), "FETCH_BOTH": int64(4), "FETCH_OBJ": int64(5),
	"CASE_NATURAL": int64(0), "CASE_UPPER": int64(1), "CASE_LOWER": int64(2),
}

func withoutPrefix(all map[string]Value, prefix string) map[string]Value {
	some := map[string]Value{}
	for name, v := range all {
		if short, found := strings.CutPrefix(name, prefix); found {
			some[short] = v
		}
	}
	return some
}

func (x *constant) eval(e *evaluator) Value {
	e.on(x.line)
	for _, name := range []string{x.name, x.fallback} {
		if v, known := e.constantNamed(name); known {
			return v
		}
	}
	return e.mayThrow(e.unknown("the constant " + x.name + " is not known"))
}

func (e *evaluator) constantNamed(name string) (Value, bool) {
	if v, defined := e.constants[name]; defined {
		return v, true
	}
	v, known := constants[name]
	return v, known
}

// define makes a constant. One that exists already keeps its value.
func (e *evaluator) define(name string, v Value) bool {
	if _, exists := e.constantNamed(name); exists {
		return false
	}
	e.budget.spend(indexCost + len(name))
	e.constants[name] = share(v)
	return true
}
