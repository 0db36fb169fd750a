<?php
$CONFIG = ['dbhost' => 'nine'];
