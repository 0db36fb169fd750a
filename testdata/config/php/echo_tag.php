<?= 'x' ?>
<?php $CONFIG = ['a' => 1]; ?>
<?= $CONFIG['a'] ?>
<?php $CONFIG['b'] = 2;
