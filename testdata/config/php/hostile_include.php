<?php
include __FILE__;
$CONFIG = ['dbhost' => 'db'];
