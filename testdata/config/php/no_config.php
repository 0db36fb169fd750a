<?php
$settings = ['a' => 1];
