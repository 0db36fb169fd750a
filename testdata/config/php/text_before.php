

some text
<?php
$CONFIG = ['dbhost' => 'db'];
