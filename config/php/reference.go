package php

// changing are PHP's functions that change what is handed to them, with the position of the first argument that they may change.
// Those in byReference are evaluated.
var changing = map[string]int{
	"apcu_dec": 2, "apcu_fetch": 1, "apcu_inc": 2, "array_multisort": 0, "array_splice": 0, "array_walk": 0, "array_walk_recursive": 0,
	"curl_multi_exec": 1, "dns_get_mx": 1, "dns_get_record": 2, "exec": 1, "flock": 2, "fsockopen": 2, "getimagesize": 1,
	"getimagesizefromstring": 1, "getmxrr": 1, "getopt": 2, "headers_sent": 0, "is_callable": 2, "mb_convert_variables": 2, "mb_parse_str": 1,
	"natcasesort": 0, "natsort": 0, "next": 0, "openssl_csr_export": 1, "openssl_csr_new": 1, "openssl_encrypt": 5, "openssl_open": 1,
	"openssl_pkcs12_export": 1, "openssl_pkcs12_read": 1, "openssl_pkey_export": 1, "openssl_private_decrypt": 1,
	"openssl_private_encrypt": 1, "openssl_public_decrypt": 1, "openssl_public_encrypt": 1, "openssl_random_pseudo_bytes": 1,
	"openssl_seal": 1, "openssl_sign": 1, "openssl_x509_export": 1, "parse_str": 1, "passthru": 1, "pfsockopen": 2, "preg_filter": 4,
	"preg_match": 2, "preg_match_all": 2, "preg_replace": 4, "preg_replace_callback": 4, "preg_replace_callback_array": 3, "prev": 0,
	"proc_open": 2, "settype": 0, "shuffle": 0, "similar_text": 2, "sodium_add": 0, "sodium_increment": 0, "sodium_memzero": 0, "sscanf": 2,
	"str_ireplace": 3, "str_replace": 3, "stream_select": 0, "stream_socket_client": 1, "stream_socket_server": 1, "system": 1,
	"uasort": 0, "uksort": 0, "usort": 0,
}

// changes returns the arguments that a call of a function of PHP's, named in lower case, may change.
func changes(name string, arguments []argument) []argument {
	first, known := changing[name]
	if !known || first >= len(arguments) {
		return nil
	}
	return arguments[first:]
}
