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
$text = 'abc';
$CONFIG['isset'] = [isset($text['1']), isset($text['01']), isset($text[' 1']), isset($text['1 ']), isset($text['x']), isset($text['1.0']), isset($text['-1']), isset($text['7'])];
$CONFIG['coalesced'] = [$text['01'] ?? 'none', $text['x'] ?? 'none', $text['-03'] ?? 'none'];
$CONFIG['leading'] = $text['1x'] ?? 'none';
try { $CONFIG['object'] = isset(((object) ['a' => 1])['a']); } catch (Error) { $CONFIG['object'] = 'caught'; }
$CONFIG['worth'] = $copy[0] = 'text';
$other = 'abc';
$CONFIG['worth, too'] = $other[5] ??= 7;
