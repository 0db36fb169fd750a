package php

import (
	"slices"
)

// builtin is a function of PHP's that is known here.
type builtin struct {
	least, most int // arguments that are understood; most is -1 when there may be any number
	call        func(c *invocation) Value
}

// invocation is a call of a builtin. Its methods take arguments by their position, converted as PHP converts them.
type invocation struct {
	*evaluator
	name   string
	values []Value
}

// functions of PHP's by lower-case name: those that container images, distributions and manuals use in a configuration.
var functions = map[string]builtin{}

// impure are those of them that do more than compute, or that call other functions.
var impure = wordSet("array_filter array_map define ini_set json_decode")

// copying are those that only copy what is within an array, so that it does not matter if it is not known.
var copying = wordSet(`array_chunk array_diff_key array_intersect_key array_is_list array_key_exists array_key_first array_key_last array_keys array_merge array_replace array_replace_recursive array_reverse array_slice array_values count define
	get_class get_debug_type gettype is_array is_bool is_float is_int is_integer is_null is_numeric is_object is_scalar is_string`)

// byReference are PHP's functions that change what is handed to them, with the position of the first argument that they may change.
var byReference = map[string]int{
	"apcu_dec": 2, "apcu_fetch": 1, "apcu_inc": 2, "array_multisort": 0, "array_pop": 0, "array_push": 0, "array_shift": 0,
	"array_splice": 0, "array_unshift": 0, "array_walk": 0, "array_walk_recursive": 0, "arsort": 0, "asort": 0, "curl_multi_exec": 1,
	"dns_get_mx": 1, "dns_get_record": 2, "exec": 1, "flock": 2, "fsockopen": 2, "getimagesize": 1, "getimagesizefromstring": 1,
	"getmxrr": 1, "getopt": 2, "headers_sent": 0, "is_callable": 2, "krsort": 0, "ksort": 0, "mb_convert_variables": 2, "mb_parse_str": 1,
	"natcasesort": 0, "natsort": 0, "openssl_csr_export": 1, "openssl_csr_new": 1, "openssl_encrypt": 5, "openssl_open": 1,
	"openssl_pkcs12_export": 1, "openssl_pkcs12_read": 1, "openssl_pkey_export": 1, "openssl_private_decrypt": 1,
	"openssl_private_encrypt": 1, "openssl_public_decrypt": 1, "openssl_public_encrypt": 1, "openssl_random_pseudo_bytes": 1,
	"openssl_seal": 1, "openssl_sign": 1, "openssl_x509_export": 1, "parse_str": 1, "passthru": 1, "pfsockopen": 2, "preg_filter": 4,
	"preg_match": 2, "preg_match_all": 2, "preg_replace": 4, "preg_replace_callback": 4, "preg_replace_callback_array": 3,
	"proc_open": 2, "rsort": 0, "settype": 0, "shuffle": 0, "similar_text": 2, "sodium_add": 0, "sodium_increment": 0,
	"sodium_memzero": 0, "sort": 0, "sscanf": 2, "str_ireplace": 3, "str_replace": 3, "stream_select": 0, "stream_socket_client": 1,
	"stream_socket_server": 1, "system": 1, "uasort": 0, "uksort": 0, "usort": 0,
}

// loud are PHP's functions that change what unrelated expressions give later on: names, the environment, settings, or files, or that call
// functions by their names.
var loud = wordSet(`apache_setenv class_alias define dl extract ini_alter ini_restore ini_set override_function putenv register_tick_function
	rename_function runkit7_function_redefine set_error_handler set_exception_handler set_include_path spl_autoload_register
	stream_wrapper_register stream_wrapper_unregister
	chdir chgrp chmod chown chroot copy file_put_contents fopen fputcsv fputs ftruncate fwrite link mkdir move_uploaded_file rename
	rmdir symlink tempnam touch unlink
	array_all array_any array_diff_uassoc array_diff_ukey array_find array_find_key array_intersect_uassoc array_intersect_ukey array_map
	array_filter array_reduce array_udiff array_udiff_assoc array_udiff_uassoc array_uintersect array_uintersect_assoc
	array_uintersect_uassoc array_walk array_walk_recursive call_user_func call_user_func_array forward_static_call
	forward_static_call_array header_register_callback iterator_apply iterator_count iterator_to_array ob_start preg_replace_callback
	preg_replace_callback_array register_shutdown_function uasort uksort usort`)

// callBuiltin calls a function of PHP's that is known, by its lower-case name.
func (e *evaluator) callBuiltin(name string, values []Value) Value {
	f := functions[name]
	c := &invocation{e, name, values}
	c.demand(len(values) >= f.least, "ArgumentCountError")
	if u, found := c.doubt(); found {
		if name == "json_decode" {
			e.jsonError = u
		} else if impure[name] && (name[0] != 'a' || len(values) > 1 && !slices.ContainsFunc(values, e.onlyComputes)) {
			e.giveUp(name + "() is not evaluated, and may change anything")
		}
		return e.mayThrow(u)
	}
	result := f.call(c)
	switch result := result.(type) {
	case unknown:
		return e.mayThrow(result)
	case *Array:
		e.checkNesting(result)
	}
	return result
}

// doubt says why the arguments of a call do not tell what it gives.
func (c *invocation) doubt() (u unknown, found bool) {
	if most := functions[c.name].most; most >= 0 && len(c.values) > most {
		return c.unknown(c.name + "() with so many arguments is not evaluated"), true
	}
	for _, v := range c.values {
		c.stepOver(v)
		_, isUnknown := v.(unknown)
		if _, isClosure := v.(*closure); !found && !isClosure && (isUnknown || !copying[c.name]) {
			u, found = findUnknown(v)
		}
	}
	return u, found
}

// onlyComputes says whether a value is a function that changes nothing, as those are that array_map mostly gets.
func (e *evaluator) onlyComputes(v Value) bool {
	name, _ := v.(string)
	name = e.lower(name)
	_, isClosure := v.(*closure)
	return isClosure && !holdsFunction(v) || functions[name].call != nil && !impure[name]
}

func (c *invocation) has(i int) bool { return i < len(c.values) }

// demand throws an exception of a class unless an argument is as it has to be.
func (c *invocation) demand(holds bool, class string) {
	if !holds {
		c.throw(class, c.name+"() got an argument that is not allowed")
	}
}

// argument converts an argument to a type. Null is taken for any scalar, as PHP does for its own functions.
func (c *invocation) argument(i int, to string) Value {
	v := c.values[i]
	if typeName(v) == to {
		return v
	}
	if v == nil && to != "array" {
		v = false
	}
	converted := c.coerce(v, []string{to}, c.name+"(): an argument")
	if _, isUnknown := converted.(unknown); isUnknown {
		c.giveUp(c.name + "() gets a string that only begins with a number")
	}
	return converted
}

func (c *invocation) string(i int) string { return c.argument(i, "string").(string) }

func (c *invocation) int(i int) int64 { return c.argument(i, "int").(int64) }

func (c *invocation) array(i int) *Array { return c.argument(i, "array").(*Array) }

// intOr returns an optional argument.
func (c *invocation) intOr(i int, otherwise int64) int64 {
	if !c.has(i) {
		return otherwise
	}
	return c.int(i)
}

// optional says whether an argument that may be null is there and is not.
func (c *invocation) optional(i int) bool { return c.has(i) && c.values[i] != nil }

// copied is a text that copies are made of.
func (c *invocation) copied(i int) string { return c.accounted(c.accounted(c.string(i))) }

// accounted accounts for a copy of a string, and for the bytes that it is made of.
func (c *invocation) accounted(s string) string {
	c.budget.spend(2 * len(s))
	return s
}
