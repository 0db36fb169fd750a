<?php
$CONFIG = ['dbhost' => 'db'];
