package php

import (
	"os"
	"regexp"
	"slices"
	"strings"
)

var environmentFunctions = map[string]builtin{
	"getenv":          {0, 2, getenv},
	"define":          {2, 2, func(c *invocation) Value { return c.define(c.string(0), c.values[1]) }},
	"defined":         {1, 1, defined},
	"constant":        {1, 1, constantOf},
	"function_exists": {1, 1, functionExists},
	"ini_set":         {2, 2, iniSet},
	"gethostname":     {0, 0, gethostname},
	"parse_url":       {1, 2, parseURL},
}

func getenv(c *invocation) Value {
	if !c.optional(0) {
		return c.unknown("the whole environment is not known")
	}
	if value, found := c.options.Getenv(c.string(0)); found {
		return value
	}
	return false
}

func defined(c *invocation) Value {
	name := c.string(0)
	if _, known := c.constantNamed(name); known {
		return true
	}
	return c.unknown("whether the constant " + name + " is defined is not known")
}

func constantOf(c *invocation) Value {
	name := strings.TrimPrefix(c.string(0), `\`)
	if class, name, found := strings.Cut(name, "::"); found {
		return (&member{class: class, name: name, line: c.here.line}).eval(c.evaluator)
	}
	return (&constant{name: name, line: c.here.line}).eval(c.evaluator)
}

// families begin the names of what PHP and its extensions have.
var families = strings.Fields(`apache apc array_ base64_ bc bz class_ ctype_ curl_ date_ dba_ dns_ dom_ error_ exif_ fast file filter_ finfo_ fpm_
	ftp_ func gd_ get gmp_ grapheme_ gz hash headers_ html http_ iconv idn_ igbinary_ image imap_ ini_ inet intl is_ iterator_ json_ ldap_ libxml_
	locale_ mb_ memcache msg mysql ob_ oci_ odbc_ opcache_ openssl_ password_ pcntl_ pg_ php posix_ preg_ proc_ random_ readline_ redis sem_
	session_ set shm simplexml_ snmp socket_ sodium_ spl_ sqlite ssh2_ str stream_ sys_ tidy_ timezone_ token_ url user_ utf8_ uuid_ var_ xdebug_
	xml yaml_ zend_ zip_ zlib_`)

// functionExists is false for a function that the files declare further on, unless it may be there for versions or extensions of PHP that
// have one of that name.
func functionExists(c *invocation) Value {
	name := c.lower(strings.TrimPrefix(c.string(0), `\`))
	if c.functionExists(name) {
		return true
	}
	mayBePHPs := !strings.Contains(name, "_") || slices.ContainsFunc(families, func(family string) bool { return strings.HasPrefix(name, family) })
	declared := slices.ContainsFunc(c.sources.loaded, func(f *source) bool { return f.script != nil && f.script.declares[name] })
	if declared && !mayBePHPs {
		return false
	}
	return c.unknown("whether the function " + name + "() exists is not known")
}

// decisive are the settings of PHP's that change what expressions give.
var decisive = wordSet("arg_separator.output include_path open_basedir precision serialize_precision user_agent")

func iniSet(c *invocation) Value {
	if decisive[c.lower(c.string(0))] {
		c.giveUp("ini_set() of " + c.string(0) + " is not evaluated")
	}
	return c.unknown("the settings of PHP are not known")
}

func gethostname(c *invocation) Value {
	name, err := os.Hostname()
	if err != nil {
		return c.unknown("the name of this host is not known")
	}
	return name
}

// plainURL is a URL of which there is no doubt how it is to be taken apart.
var plainURL = regexp.MustCompile(`^([a-zA-Z][a-zA-Z0-9+.-]*)://(?:([^\x00-\x20\x7f:@/?#]*)(?::([^\x00-\x20\x7f@/?#]*))?@)?` +
	`([a-zA-Z0-9._-]+|\[[0-9a-fA-F:.]+\])(?::([0-9]{1,5}))?(/[^\x00-\x20\x7f?#]*)?(?:\?([^\x00-\x20\x7f#]+))?(?:#([^\x00-\x20\x7f]+))?$`)

// matchCost is what matching a regular expression may allocate, in bytes.
const matchCost = 8192

// parseURL takes a URL apart into the components that PHP names, in its order, or picks the one that the second argument asks for.
func parseURL(c *invocation) Value {
	s := c.string(0)
	c.budget.spend(matchCost)
	match := plainURL.FindStringSubmatchIndex(s)
	parts := &Array{}
	components := make([]Value, 8) // by the numbers that PHP has for them
	for i, name := range []string{"scheme", "host", "port", "user", "pass", "path", "query", "fragment"} {
		group := 2 * []int{1, 4, 5, 2, 3, 6, 7, 8}[i]
		if match == nil || match[group] < 0 {
			continue
		}
		components[i] = s[match[group]:match[group+1]]
		if name == "port" {
			components[i] = Int(components[i])
		}
		c.put(parts, name, components[i], c.here)
	}
	which := c.intOr(1, -1)
	port, hasPort := components[2].(int64)
	if match == nil || which < -1 || which >= int64(len(components)) || hasPort && (port < 1 || port > 65535) {
		return c.unknown("parse_url() of this address is not evaluated")
	}
	if which >= 0 {
		return components[which]
	}
	return parts
}
