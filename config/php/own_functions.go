package php

import (
	_ "embed"
	"strings"
)

// ownFunctionsFile has the functions of PHP 8.2 with the extensions that Debian's php-cli brings, one a line, as
// get_defined_functions() names them. A minus marks those that call nothing of what they are handed: no parameter is declared to be
// callable or an iterator, and none takes a function all the same, as ob_start and the options of filter_var do.
//
//go:embed own_functions.txt
var ownFunctionsFile string

// ownFunctions says of each of PHP's functions whether it calls nothing of what it is handed.
var ownFunctions = func() map[string]bool {
	functions := map[string]bool{}
	for line := range strings.Lines(ownFunctionsFile) {
		name, mark, _ := strings.Cut(strings.TrimSpace(line), " ")
		functions[name] = mark == "-"
	}
	return functions
}()

// laterFunctions are those that came with PHP 8.3, 8.4 and 8.5, or with a way to run it.
var laterFunctions = wordSet(`array_all array_any array_find array_find_key array_first array_last fastcgi_finish_request fpow
	get_error_handler get_exception_handler http_clear_last_response_headers http_get_last_response_headers json_validate
	request_parse_body str_decrement str_increment stream_context_set_options utf8_decode utf8_encode virtual`)

// extensionPrefixes begin the names of what further extensions bring.
var extensionPrefixes = strings.Fields(`apache_ apc_ apcu_ ast_ bc bz collator_ curl_ dba_ dom_ ds_ enchant_ frankenphp_ gd_ geoip_
	gmp_ gnupg_ grapheme_ iconv_ idn_ igbinary_ image imap_ intl ldap_ libxml_ litespeed_ locale_ lz4_ mb_ mcrypt_ memcache
	msgfmt_ msgpack_ mysql newrelic_ normalizer_ numfmt_ oci_ odbc_ opcache_ opentelemetry_ pcov_ pg_ pspell_ radius_ rar_
	readline_ resourcebundle_ rrd_ runkit7_ simplexml_ snappy_ snmp sodium_ sqlsrv_ ssh2_ svn_ swoole_ tideways_ tidy_ transliterator_
	uopz_ uploadprogress_ uuid_ wincache_ xdebug_ xhprof_ xml yaml_ yaz_ zend_ zip_ zlib_ zstd_`)

// mayBePHPs reports whether some PHP has a function of this name, given in lower case.
func mayBePHPs(name string) bool {
	if _, own := ownFunctions[name]; own || laterFunctions[name] {
		return true
	}
	for _, prefix := range extensionPrefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
