<?php
// The words of PHP's own exceptions differ between its versions; those of the files' own are theirs.
try { $x = match (5) { 1 => 2 }; } catch (\UnhandledMatchError $e) { $match = $e->getMessage(); }
try { $x = intdiv(1, 0); } catch (ArithmeticError $e) { $division = [get_class($e), $e->getMessage()]; }
try { throw new RuntimeException('own words'); } catch (Exception $e) { $own = $e->getMessage(); }
foreach ([new Exception, new Exception(5), new Exception(code: 7), new Exception(code: 7, message: 'named'), new Exception(null)] as $e) {
  $messages[] = $e->getMessage();
}
try { throw new Exception([]); } catch (TypeError $e) { $messages[] = get_class($e); }
$CONFIG = ['match' => $match, 'division' => $division, 'own' => $own, 'messages' => $messages];
