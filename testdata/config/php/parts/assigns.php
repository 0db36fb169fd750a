<?php
$CONFIG['dbuser'] = 'set by include';
function helper($x) { return "<$x>"; }
