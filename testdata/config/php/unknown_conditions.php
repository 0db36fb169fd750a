<?php
$CONFIG = ['dbhost' => 'db', 'nan' => NAN];
if (first_condition()) { $CONFIG['first'] = 1; } else { $CONFIG['first'] = 2; }
if (second_condition()) { $CONFIG['second'] = 1; }
if (third_condition()) { $CONFIG['both'] = $CONFIG['first']; } else { $CONFIG['third'] = 1; $CONFIG['both'] = 3; }
$CONFIG['same'] = fourth_condition() ? 'x' : 'y';
