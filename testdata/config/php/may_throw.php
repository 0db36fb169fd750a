<?php
// What is not known may be of a type that PHP throws for, so that the end of a try block may not be reached.
function typed(int $n) { return $n; }
$unknown = crc32('x') ? 9 : [];
try { $unknown['a'] = 1; $a = 'through'; } catch (Error) { $a = 'caught'; }
try { unset($unknown['a']); $b = 'through'; } catch (Error) { $b = 'caught'; }
try { $x = [...$unknown]; $c = 'through'; } catch (Error) { $c = 'caught'; }
try { typed($unknown); $d = 'through'; } catch (Error) { $d = 'caught'; }
try { $x = $unknown['a']; $e = 'through'; } catch (Error) { $e = 'caught'; }
// A variable is there only when it has its value.
try { $never = intdiv(1, 0); } catch (Error) {}
try { $nested['a']['b'] = intdiv(1, 0); } catch (Error) {}
$CONFIG = ['a' => $a, 'b' => $b, 'c' => $c, 'd' => $d, 'e' => $e, 'never' => compact('never', 'nested')];
