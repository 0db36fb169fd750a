<?php
$CONFIG = ['dbhost' => 'x'];
