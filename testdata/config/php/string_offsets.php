<?php
// A byte of a string may be named by more than integers, but not by everything.
foreach ([true, null, 1.5, ' 1', '1x'] as $key) {
  $copy = 'abc';
  $copy[$key] = 'Z';
}
foreach (['x', [], 'y'] as $key) {
  try { $text = 'abc'; $text[$key] = 'Z'; $caught[] = 'through'; } catch (Error) { $caught[] = 'caught'; }
}
try { $text[] = 'Z'; $caught[] = 'through'; } catch (Error) { $caught[] = 'caught'; }
try { $text[0]['a'] = 'Z'; $caught[] = 'through'; } catch (Error) { $caught[] = 'caught'; }
$CONFIG = ['dbhost' => 'db', 'copy' => $copy, 'caught' => $caught];
