<?php
$CONFIG = ['dbtableprefix' => 'a_'];
