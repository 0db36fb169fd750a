<?php
$s = 'x';
for ($i = 0; $i < 31; $i++) { $s .= $s; }
$CONFIG = ['dbhost' => 'db', 'huge' => $s, 'repeat' => str_repeat('ab', 1 << 29), 'pad' => strlen(str_pad('', 1 << 30))];
