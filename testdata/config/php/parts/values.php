<?php
$included = 'seen';
return ['dbhost' => 'from include', 'list' => [1, 2]];
