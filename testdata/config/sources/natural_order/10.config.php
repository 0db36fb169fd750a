<?php
$CONFIG = ['dbhost' => 'ten', 'dbtableprefix' => 'ten_'];
