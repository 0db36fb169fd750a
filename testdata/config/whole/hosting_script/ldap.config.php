<?php
$CONFIG = ['ldapProviderFactory' => 'OCA\\User_LDAP\\LDAPProviderFactory'];
