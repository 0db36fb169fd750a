<?php
$CONFIG = ['later' => basename($file), 'dbhost' => 'db'];
