<?php
$CONFIG = ['a' => 'unterminated];
