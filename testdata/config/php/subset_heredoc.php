<?php
$name = 'world'; $list = ['k' => 'v', 3 => 'three', 'n' => ['m' => 'deep']]; $o = (object) ['p' => 'prop', 'q' => (object) ['r' => 's']];
$CONFIG = [
  'a' => <<<EOT
plain $name and {$list['k']} and $list[k] and $list[3] and ${name}
  indented \t tab \x41 \101 \u{1F600} \\ \$ \q "quoted"
EOT,
  'b' => <<<'EOT'
nothing $name {$x} \n
EOT
  ,
  'c' => <<<"X"
    closed
      deeper $o->p

    X . '!',
  'd' => "q $name[0] {$list['n']['m']} $o->p {$o->q->r} \{$name} {$name}s $ 5 \" {",
  'e' => <<<E
E,
  'f' => <<<  E
	tab $name
	E . 'x',
  'g' => "\v\e\f\0\8 \x4 \xZ \u00e9",
];
